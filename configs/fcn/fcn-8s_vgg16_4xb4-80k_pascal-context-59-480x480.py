"""FCN-8s, VGG16, Pascal Context without background, 480 x 480 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 35.1 mIoU (CVPR 2015, Table 6, 59 classes)
Source:  mmseg's fcn_r50-d8_4xb4-80k_pascal-context-59-480x480 for all but the network
Differs: from the paper: no padding by 100, interpolation instead of deconvolutions, all
         strides trained in a single stage, weights of mmpretrain, mean loss,
         augmentation, sliding windows. From mmseg's config: lr 0.001 instead of 0.004,
         because VGG16 has no batch norm; weight decay 5e-4 instead of 1e-4; not tuned
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16.py',
    '../_base_/datasets/pascal_context_59.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=59),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(320, 320)),
)
optim_wrapper = dict(optimizer=dict(lr=0.001))
