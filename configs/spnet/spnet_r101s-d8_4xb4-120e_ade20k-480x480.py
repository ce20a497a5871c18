"""SPNet, ResNet-101 of the authors' deep stem, ADE20K, 480 x 480 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; paper: 45.60, multi-scale, as houqb/SPNet's README said in 2020
Source:  as spnet_r50s-d8_4xb4-120e_ade20k-480x480
Differs: as there
"""

_base_ = './spnet_r50s-d8_4xb4-120e_ade20k-480x480.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='checkpoints/resnet101s.pth'))
)
