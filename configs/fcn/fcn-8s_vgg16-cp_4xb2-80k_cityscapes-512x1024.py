"""FCN-8s, VGG16 in less memory, Cityscapes, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on Cityscapes
Source:  as fcn-8s_vgg16_4xb2-80k_cityscapes-512x1024
Differs: as there; conv1 to conv5 are computed again in the backward pass, with the same
         numbers
"""

_base_ = './fcn-8s_vgg16_4xb2-80k_cityscapes-512x1024.py'
model = dict(backbone=dict(with_cp=True))
