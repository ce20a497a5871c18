"""DFANet-B, Cityscapes, 1024 x 1024 crops, the paper's recipe.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 68.4 mIoU val (Table 4), 67.1 test (Table 5)
Source:  same as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: same as there; ImageNet weights from our
         pretrain_xception-b_8xb32-30e_imagenet-224x224
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/cityscapes-scale_1024x1024.py',
    '../_base_/schedules/schedule_dfanet_60k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    # python tools/convert.py dfanet CLASSIFIER.pth checkpoints/xception_b.pth
    backbone=dict(
        arch='B',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/xception_b.pth',
            prefix='backbone.',
        ),
    ),
    decode_head=dict(in_channels=[32, 32, 32, 128, 128, 128]),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=_base_.crop_size),
)
