model = dict(
    type='EncoderDecoder',
    # For Caffe's weights; those from torchvision and mmpretrain want RGB and a std.
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[104.00698793, 116.66876762, 122.67891434],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        size_divisor=1,
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='mmseg_plugins.FCNVGG',
        depth=16,
        pad=100,
        out_indices=(2, 3, 4),
        dropout_ratio=0.5,
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[256, 512, 4096],
        in_index=[0, 1, 2],
        strides=[8, 16, 32],
        num_classes=21,
        align='pad100',
        upsample='deconv',
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', reduction='sum', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
