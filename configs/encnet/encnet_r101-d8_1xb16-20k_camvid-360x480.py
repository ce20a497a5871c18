"""EncNet, ResNet-101, CamVid, 360 x 480 crops.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on CamVid
Source:  same as encnet_r50-d8_1xb16-20k_camvid-360x480
Differs: same as there
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/camvid-rotate_360x480.py',
    '../_base_/schedules/schedule_encnet_20k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(depth=101, init_cfg=dict(checkpoint='open-mmlab://resnet101_v1c')),
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11),
)
