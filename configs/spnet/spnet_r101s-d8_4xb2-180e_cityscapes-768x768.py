"""SPNet, ResNet-101 of the authors' deep stem, Cityscapes, 768 x 768 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; paper: 82.0 on the test set, by third-party lists and the code's
         issue 1
Source:  as spnet_r50s-d8_4xb2-180e_cityscapes-768x768, for this backbone
Differs: as there
"""

_base_ = './spnet_r50s-d8_4xb2-180e_cityscapes-768x768.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='checkpoints/resnet101s.pth'))
)
