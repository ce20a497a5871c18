"""EncNet, ResNet-101, CamVid, 360 x 480 crops.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on CamVid
Source:  as encnet_r50-d8_1xb16-20k_camvid-360x480
Differs: as there
"""

_base_ = './encnet_r50-d8_1xb16-20k_camvid-360x480.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='open-mmlab://resnet101_v1c'))
)
