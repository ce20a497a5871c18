"""FCN-8s on VGG16 without the padding by 100 pixels."""

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
        type='mmseg_plugins.FCNVGG',
        depth=16,
        out_indices=(2, 3, 4),
        dropout_ratio=0.5,
        # These weights want RGB images and a std, as torchvision's do.
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://vgg16'),
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[256, 512, 4096],
        in_index=[0, 1, 2],
        strides=[8, 16, 32],
        num_classes=21,
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
