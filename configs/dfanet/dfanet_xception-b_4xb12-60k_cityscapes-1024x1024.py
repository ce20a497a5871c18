"""DFANet-B, Cityscapes, 1024 x 1024 crops, the paper's recipe.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 68.4 mIoU val (Table 4), 67.1 test (Table 5)
Source:  as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: as there; ImageNet weights by pretrain_xception-b_8xb32-30e_imagenet-224x224
"""

_base_ = './dfanet_xception-a_4xb12-60k_cityscapes-1024x1024.py'
model = dict(
    backbone=dict(arch='B', init_cfg=dict(checkpoint='checkpoints/xception_b.pth')),
    decode_head=dict(in_channels=[32, 32, 32, 128, 128, 128]),
)
