"""DFANet-A, CamVid, 360 x 480 crops, half size, the recipe of the paper's Cityscapes.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result at this size
Source:  as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: 5 000 iterations, as the paper gives none; ImageNet weights by the config
         pretrain_xception-a_8xb32-30e_imagenet-224x224
"""

_base_ = [
    '../_base_/models/dfanet-a_imagenet.py',
    '../_base_/datasets/camvid-scale_360x480.py',
    '../_base_/schedules/schedule_dfanet_5k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size), decode_head=dict(num_classes=11)
)
