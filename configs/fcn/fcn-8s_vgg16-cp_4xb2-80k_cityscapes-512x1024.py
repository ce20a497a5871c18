"""FCN-8s, VGG16 with activation checkpointing, Cityscapes, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on Cityscapes
Source:  same as fcn-8s_vgg16_4xb2-80k_cityscapes-512x1024
Differs: same as there; the backward pass computes conv1 to conv5 again instead of
         storing them, which saves memory and does not change any number
"""

_base_ = './fcn-8s_vgg16_4xb2-80k_cityscapes-512x1024.py'
model = dict(backbone=dict(with_cp=True))
