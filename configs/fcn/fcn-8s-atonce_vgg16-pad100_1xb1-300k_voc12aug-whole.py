"""FCN-8s, VGG16, Pascal VOC 2012 (aug), the authors' recipe in a single stage.

Run:     python tools/train.py <this file>
Result:  not measured; paper: 65.4 mIoU on seg11valid (authors' README)
Source:  shelhamer/fcn.berkeleyvision.org, voc-fcn8s-atonce/net.py, solver.prototxt and
         solve.py
Differs: same as fcn-8s_vgg16-pad100_1xb1-100k_voc12aug-whole
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16-pad100.py',
    '../_base_/datasets/pascal_voc12_aug-whole.py',
    '../_base_/schedules/schedule_fcn_100k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    # python tools/convert.py vgg16 VGG_ILSVRC_16_layers.caffemodel \
    #     checkpoints/vgg16_caffe.pth
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/vgg16_caffe.pth')
    ),
    # Scales of pool3 and pool4 before their score layers, from net.py.
    decode_head=dict(skip_scales=[0.0001, 0.01]),
)
train_cfg = dict(max_iters=300000)
env_cfg = dict(cudnn_benchmark=False)  # every image has another size
