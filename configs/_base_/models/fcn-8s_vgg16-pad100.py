_base_ = ['./segmentor.py', './caffe_images.py']
model = dict(
    data_preprocessor=_base_.caffe_images,
    backbone=dict(
        type='mmseg_plugins.FCNVGG',
        depth=16,
        pad=100,
        out_indices=(2, 3, 4),
        dropout_ratio=0.5,
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        align='pad100',
        upsample='deconv',
        in_channels=[256, 512, 4096],
        in_index=[0, 1, 2],
        strides=[8, 16, 32],
        num_classes=21,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', reduction='sum', avg_non_ignore=True),
    ),
)
