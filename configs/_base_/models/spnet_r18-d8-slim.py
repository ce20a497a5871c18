_base_ = './segmentor.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    data_preprocessor=dict(size=(192, 256)),
    backbone=dict(
        type='mmseg_plugins.SPNetResNet',
        depth=18,
        stem_channels=32,
        base_channels=16,
        multi_grid=(4, 8),
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        type='mmseg_plugins.StripPoolingHead',
        in_channels=128,
        in_index=3,
        reduce_channels=64,
        channels=64,
        num_modules=2,
        # on 24 x 32 cells, windows of 3 to 7, as 20 and 12 have on the authors' 60 x 60
        pool_sizes=(8, 5),
        dropout_ratio=0.1,
        num_classes=12,
        norm_cfg=norm_cfg,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
