"""FCN-8s, VGG16, Pascal VOC 2012 (aug), in a single stage, with a mean loss.

Run:     python tools/train.py <this file>
Result:  not measured; paper: 65.4 mIoU on seg11valid, with a sum (authors' README)
Source:  same as fcn-8s-atonce_vgg16-pad100_1xb1-300k_voc12aug-whole
Differs: same as there; the loss is a mean over labelled pixels instead of their sum.
         1e-10 times the 1.8e5 pixels of a VOC image gives lr 1.8e-5; momentum 0.9
         instead of 0.99 makes it 1.8e-4. Weight decay 5e-4 / 1.8e5 is almost nothing,
         here 0. Small images count as much as large ones
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
    decode_head=dict(skip_scales=[0.0001, 0.01], loss_decode=dict(reduction='mean')),
)
optim_wrapper = dict(optimizer=dict(lr=1.8e-4, momentum=0.9, weight_decay=0.0))
train_cfg = dict(max_iters=300000)
env_cfg = dict(cudnn_benchmark=False)  # every image has another size
