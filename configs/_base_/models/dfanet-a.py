"""DFANet-A; for DFANet-B, arch='B' and in_channels=[32, 32, 32, 128, 128, 128]."""

_base_ = './segmentor.py'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    backbone=dict(
        type='mmseg_plugins.DFANet', arch='A', num_subnets=3, norm_cfg=norm_cfg
    ),
    decode_head=dict(
        type='mmseg_plugins.DFAHead',
        in_channels=[48, 48, 48, 192, 192, 192],
        in_index=[0, 1, 2, 3, 4, 5],
        num_low=3,
        channels=64,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
