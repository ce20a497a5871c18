"""EncNet, ResNet-101 of the authors' deep stem, Pascal Context, 480 x 480 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/encnet.md, "Weights"
Result:  not measured; the authors' code, multi-scale: 54.1 (its model zoo page)
Source:  as encnet_r50s-d8_4xb4-80e_pascal-context-59-480x480
Differs: as there
"""

_base_ = './encnet_r50s-d8_4xb4-80e_pascal-context-59-480x480.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='checkpoints/resnet101s.pth'))
)
