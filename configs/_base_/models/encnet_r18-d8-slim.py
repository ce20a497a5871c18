"""EncNet on a ResNet-18 of a quarter of the channels, from random weights."""

_base_ = './encnet_r50-d8.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    data_preprocessor=dict(size=(192, 256)),
    backbone=dict(
        _delete_=True,
        type='ResNetV1c',
        depth=18,
        stem_channels=32,
        base_channels=16,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        contract_dilation=True,
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        in_channels=[32, 64, 128],
        channels=64,
        add_lateral=True,
        num_classes=12,
        norm_cfg=norm_cfg,
    ),
    auxiliary_head=dict(in_channels=64, channels=32, num_classes=12, norm_cfg=norm_cfg),
)
