"""EncNet on ResNet-50 with output stride 8.

The numbers of the heads are those of the authors' code, zhanghang1989/PyTorch-Encoding.
The stem has 32, 32 and 64 channels and ImageNet weights that mmengine downloads. The
authors' stem has 64, 64 and 128 channels: stem_channels=128.
"""

norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        contract_dilation=True,
        norm_cfg=norm_cfg,
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://resnet50_v1c'),
    ),
    decode_head=dict(
        type='mmseg_plugins.EncHead',
        in_channels=[512, 1024, 2048],
        in_index=[1, 2, 3],
        channels=512,
        num_codes=32,
        # True for the authors' models of Pascal data sets.
        add_lateral=False,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=True,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
        loss_se_decode=dict(type='mmseg_plugins.SELoss', loss_weight=0.2),
    ),
    # The authors' train.py passes a weight of 0.2 for this loss; the class itself has a
    # default of 0.4.
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=1024,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=True,
        loss_decode=dict(
            type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.2
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
