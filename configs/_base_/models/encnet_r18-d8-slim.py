"""EncNet on a ResNet-18 with a quarter of the channels, random weights, for CPUs."""

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
        type='ResNetV1c',
        depth=18,
        stem_channels=32,
        base_channels=16,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        contract_dilation=True,
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        type='mmseg_plugins.EncHead',
        in_channels=[32, 64, 128],
        in_index=[1, 2, 3],
        channels=64,
        num_codes=32,
        add_lateral=True,
        dropout_ratio=0.1,
        num_classes=12,
        norm_cfg=norm_cfg,
        align_corners=True,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
        loss_se_decode=dict(type='mmseg_plugins.SELoss', loss_weight=0.2),
    ),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=64,
        in_index=2,
        channels=32,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=12,
        norm_cfg=norm_cfg,
        align_corners=True,
        loss_decode=dict(
            type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.2
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
