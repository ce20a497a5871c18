"""SPNet, ResNet-101, ADE20K, 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with this training
Source:  mmseg's pspnet_r101-d8_4xb4-160k_ade20k-512x512 for all but the network
Differs: same as spnet_r50-d8_4xb4-160k_ade20k-512x512
"""

_base_ = './spnet_r50-d8_4xb4-160k_ade20k-512x512.py'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='open-mmlab://resnet101_v1c')),
)
