_base_ = './segmentor.py'
model = dict(
    backbone=dict(
        type='mmseg_plugins.FCNVGG',
        depth=16,
        out_indices=(2, 3, 4),
        dropout_ratio=0.5,
        # RGB and a std, as torchvision's; Caffe's want BGR and their own mean.
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://vgg16'),
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[256, 512, 4096],
        in_index=[0, 1, 2],
        strides=[8, 16, 32],
        num_classes=21,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
