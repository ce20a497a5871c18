"""DFANet-A from the ImageNet weights of pretrain_xception-a_8xb32-30e_imagenet."""

_base_ = './dfanet-a.py'
model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/xception_a.pth',
            prefix='backbone.',
        )
    )
)
