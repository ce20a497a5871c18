"""ResNet-50, a feature pyramid of stride 4, SPNet's head and the SE-loss, for CamVid.

The paper has dilations instead of the pyramid, four times the head's channels, and the
loss without weights.
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
        type='ResNet',
        depth=50,
        norm_cfg=norm_cfg,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(
        type='FPN',
        in_channels=[256, 512, 1024, 2048],
        out_channels=128,
        num_outs=4,
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        type='mmseg_plugins.StripPoolingHead',
        in_channels=128,
        in_index=0,
        reduce_channels=256,
        channels=128,
        num_classes=11,
        dropout_ratio=0.1,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=[
            dict(
                type='mmseg_plugins.CrossEntropyLoss',
                avg_non_ignore=True,
                # 1 / ln(1.1 + share of the class in train), divided by their mean
                class_weight=[
                    0.58,
                    0.48,
                    1.35,
                    0.39,
                    1.03,
                    0.77,
                    1.32,
                    1.32,
                    0.94,
                    1.38,
                    1.43,
                ],
            ),
            dict(
                type='LovaszLoss',
                loss_type='multi_class',
                reduction='none',
                loss_weight=1.0,
            ),
        ],
    ),
    auxiliary_head=dict(
        type='mmseg_plugins.PresenceHead',
        in_channels=128,
        in_index=3,
        channels=128,
        num_classes=11,
        norm_cfg=norm_cfg,
        align_corners=False,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
