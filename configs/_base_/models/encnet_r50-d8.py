_base_ = ['./segmentor.py', './fcn_auxiliary.py']
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        contract_dilation=True,
        norm_cfg=norm_cfg,
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://resnet50_v1c'),
    ),
    decode_head=dict(
        type='mmseg_plugins.EncHead',
        in_channels=[512, 1024, 2048],
        in_index=[1, 2, 3],
        channels=512,
        num_codes=32,
        add_lateral=False,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        loss_se_decode=dict(type='mmseg_plugins.SELoss', loss_weight=0.2),
    ),
    auxiliary_head=dict(
        **_base_.fcn_auxiliary,
        dropout_ratio=0.1,
        # 0.2 is what the authors' train.py passes; their loss class defaults to 0.4.
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.2),
    ),
)
