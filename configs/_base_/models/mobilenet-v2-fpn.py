"""MobileNetV2 of ImageNet with a feature pyramid of stride 4, and any head on it.

A config gives the type of the decode head. The paper's heads see one map of stride 8;
here they see the finest level of the pyramid.
"""

# Most heads use one level of the pyramid; with several processes, DDP must know.
find_unused_parameters = True
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
        type='MobileNetV2',
        widen_factor=1.0,
        out_indices=(1, 2, 4, 6),
        norm_cfg=norm_cfg,
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://mobilenet_v2'),
    ),
    neck=dict(
        type='FPN',
        in_channels=[24, 32, 96, 320],
        out_channels=128,
        num_outs=4,
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        in_channels=128,
        in_index=0,
        channels=128,
        num_classes=11,
        dropout_ratio=0.1,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=[
            dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
            dict(
                type='LovaszLoss',
                loss_type='multi_class',
                reduction='none',
                loss_weight=0.5,
            ),
        ],
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
