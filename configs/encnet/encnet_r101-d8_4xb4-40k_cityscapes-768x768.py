"""EncNet, ResNet-101, Cityscapes, 768 x 768 crops.

Run:     tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on Cityscapes
Source:  as encnet_r50-d8_4xb4-40k_cityscapes-768x768
Differs: as there
"""

_base_ = './encnet_r50-d8_4xb4-40k_cityscapes-768x768.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='open-mmlab://resnet101_v1c'))
)
