"""EncNet, ResNet-101, Cityscapes, 768 x 768 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on Cityscapes
Source:  same as encnet_r50-d8_4xb4-40k_cityscapes-768x768
Differs: same as there
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/cityscapes-rotate_768x768.py',
    '../_base_/schedules/schedule_encnet_40k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(depth=101, init_cfg=dict(checkpoint='open-mmlab://resnet101_v1c')),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(512, 512)),
)
