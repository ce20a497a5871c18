_base_ = './segmentor.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    data_preprocessor=dict(size=(192, 256)),
    backbone=dict(
        type='mmseg_plugins.FCNVGG',
        depth=13,
        base_channels=16,
        fc_channels=128,
        out_indices=(2, 3, 4),
        dropout_ratio=0.1,
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[64, 128, 128],
        in_index=[0, 1, 2],
        strides=[8, 16, 32],
        num_classes=12,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        # Hard pixels only: poles and people are a twenty-fifth of all.
        sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=10000),
    ),
)
