"""FCN-8s on GoogLeNet in torchvision's form: batch norm, no local normalisation.

The norm layers are plain BN, so one process can train the model on a CPU. With several
processes, sync_bn turns them into SyncBN.
"""

sync_bn = 'torch'
model = dict(
    type='EncoderDecoder',
    # torchvision's weights want values from -1 to 1, other than its ResNets'.
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='mmseg_plugins.FCNGoogLeNet',
        out_indices=(2, 3, 4),
        norm_cfg=dict(type='BN', eps=0.001, requires_grad=True),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.pytorch.org/models/googlenet-1378be20.pth',
        ),
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[480, 832, 1024],
        in_index=[0, 1, 2],
        strides=[8, 16, 32],
        num_classes=21,
        dropout_ratio=0.2,  # the classifier's
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
