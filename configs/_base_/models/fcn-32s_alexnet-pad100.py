_base_ = ['./segmentor.py', './caffe_images.py']
model = dict(
    data_preprocessor=_base_.caffe_images,
    backbone=dict(type='mmseg_plugins.FCNAlexNet', dropout_ratio=0.5),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[4096],
        in_index=[0],
        strides=[32],
        num_classes=21,
        align='pad100',
        upsample='deconv',
        centre=13,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
