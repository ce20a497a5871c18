"""SPNet, ResNet-101, Cityscapes, 769 x 769 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with this training
Source:  mmseg's pspnet_r101-d8_4xb2-80k_cityscapes-769x769 for all but the network
Differs: same as spnet_r50-d8_4xb2-80k_cityscapes-769x769
"""

_base_ = [
    '../_base_/models/spnet_r50-d8.py',
    '../_base_/datasets/cityscapes_769x769.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(depth=101, init_cfg=dict(checkpoint='open-mmlab://resnet101_v1c')),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(513, 513)),
)
