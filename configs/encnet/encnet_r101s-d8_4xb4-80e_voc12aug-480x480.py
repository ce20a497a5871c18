"""EncNet, ResNet-101 of the authors' deep stem, Pascal VOC 2012 aug, 480 x 480 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/encnet.md, "Weights"
Result:  not measured; the authors' code, with COCO, VOC test, multi-scale: 85.9 (its
         model zoo page)
Source:  as encnet_r50s-d8_4xb4-80e_voc12aug-480x480
Differs: as there
"""

_base_ = './encnet_r50s-d8_4xb4-80e_voc12aug-480x480.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='checkpoints/resnet101s.pth'))
)
