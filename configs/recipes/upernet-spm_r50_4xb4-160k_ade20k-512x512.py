"""SPNet's strip pooling modules in a stock ResNet-50 under UPerHead, ADE20K, 512 x 512.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with UPerNet
Source:  mmseg's upernet_r50_4xb4-160k_ade20k-512x512 for all but the modules
Differs: from the host's config: an SPM in each block of the last stage, as in the
         paper, whose SPMs in the last blocks of the other stages need SPNetResNet
"""

_base_ = [
    '../_base_/models/segmentor_sync-bn.py',
    '../_base_/models/fcn_auxiliary.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_160k.py',
    '../_base_/default_runtime.py',
]
norm_cfg = dict(type='BN')
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        norm_cfg=norm_cfg,
        plugins=[
            dict(
                cfg=dict(type='mmseg_plugins.StripPooling'),
                stages=(False, False, False, True),
                position='after_conv2',
            )
        ],
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://resnet50_v1c'),
    ),
    decode_head=dict(
        type='UPerHead',
        in_channels=[256, 512, 1024, 2048],
        in_index=[0, 1, 2, 3],
        channels=512,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    auxiliary_head=dict(
        _base_.fcn_auxiliary,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.4),
    ),
)
