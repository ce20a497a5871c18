"""FCN-32s, VGG16, Pascal VOC 2012 (aug), the authors' recipe: stage 1 of 3.

Run:     python tools/train.py <this file>
Result:  not measured; paper: 63.6 mIoU on seg11valid (authors' README)
Source:  shelhamer/fcn.berkeleyvision.org, voc-fcn32s/{net.py,solver.prototxt,solve.py}
Differs: same as stage 3, fcn-8s_vgg16-pad100_1xb1-100k_voc12aug-whole
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
    decode_head=dict(in_channels=[4096], in_index=[2], strides=[32]),
)
env_cfg = dict(cudnn_benchmark=False)  # every image has another size
