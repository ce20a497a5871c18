"""MobileNetV2 of ImageNet with a slim feature pyramid of stride 4, and any head on it.

It has 64 channels where mobilenet-v2-fpn.py has 128, and cross entropy alone: half of
the time of a training on a CPU would be for the Lovasz loss.
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
        out_channels=64,
        num_outs=4,
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        in_channels=64,
        in_index=0,
        channels=64,
        num_classes=11,
        dropout_ratio=0.1,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
