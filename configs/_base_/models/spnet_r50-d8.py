_base_ = ['./segmentor.py', './fcn_auxiliary.py']
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    backbone=dict(
        type='mmseg_plugins.SPNetResNet',
        depth=50,
        stem_channels=64,
        norm_cfg=norm_cfg,
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://resnet50_v1c'),
    ),
    decode_head=dict(
        type='mmseg_plugins.StripPoolingHead',
        in_channels=2048,
        in_index=3,
        reduce_channels=1024,
        channels=512,
        num_modules=2,
        pool_sizes=(20, 12),
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    auxiliary_head=dict(
        **_base_.fcn_auxiliary,
        dropout_ratio=0.1,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.4),
    ),
)
