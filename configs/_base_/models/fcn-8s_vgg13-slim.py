"""FCN-8s on a VGG13 with a quarter of the channels, random weights, for CPUs."""

norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        size=(192, 256),
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    ),
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
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
        # Train on hard pixels only, because poles and people have 4 % of the pixels.
        sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=10000),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
