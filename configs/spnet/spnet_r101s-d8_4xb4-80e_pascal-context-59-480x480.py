"""SPNet, ResNet-101 of the authors' deep stem, Pascal Context, 480 x 480 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; paper: 54.5, by third-party lists
Source:  as spnet_r50s-d8_4xb4-80e_pascal-context-59-480x480
Differs: as there
"""

_base_ = './spnet_r50s-d8_4xb4-80e_pascal-context-59-480x480.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='checkpoints/resnet101s.pth'))
)
