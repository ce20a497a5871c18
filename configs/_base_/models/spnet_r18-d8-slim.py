"""SPNet on a ResNet-18 with a quarter of the channels, random weights, for CPUs."""

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
        # On the feature map of 24 x 32 these give windows with sides of 3 to 7. The
        # authors' 20 and 12 give windows with sides of 3 and 5 on their 60 x 60 map.
        pool_sizes=(8, 5),
        dropout_ratio=0.1,
        num_classes=12,
        norm_cfg=norm_cfg,
        align_corners=True,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
