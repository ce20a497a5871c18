"""ResNet-50 of ImageNet with a pyramid, without SPNet's modules, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 52.7 on test, seed 0; docs/results.md has the conditions; paper: no result
         with this recipe
Source:  ours, to compare with spnet-spm_r50-fpn_1xb4-500_camvid-240x320
Differs: same as there; no SPMs
"""

_base_ = [
    '../_base_/models/mobilenet-v2-fpn-slim.py',
    '../_base_/datasets/camvid_240x320.py',
    '../_base_/schedules/schedule_adamw_500.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        _delete_=True,
        type='mmseg_plugins.SPNetResNet',
        depth=50,
        spm_blocks=([], [], [], []),
        deep_stem=False,
        stem_channels=64,
        strides=(1, 2, 2, 2),
        dilations=(1, 1, 1, 1),
        multi_grid=None,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(in_channels=[256, 512, 1024, 2048]),
    decode_head=dict(
        type='mmseg_plugins.StripPoolingHead',
        reduce_channels=128,
        num_modules=0,
        loss_decode=dict(class_weight=_base_.class_weight),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
