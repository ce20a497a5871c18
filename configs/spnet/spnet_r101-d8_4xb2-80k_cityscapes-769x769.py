"""SPNet, ResNet-101, Cityscapes, 769 x 769 crops.

Run:     tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with this training
Source:  mmseg's pspnet_r101-d8_4xb2-80k_cityscapes-769x769 for all but the network
Differs: as spnet_r50-d8_4xb2-80k_cityscapes-769x769
"""

_base_ = './spnet_r50-d8_4xb2-80k_cityscapes-769x769.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='open-mmlab://resnet101_v1c'))
)
