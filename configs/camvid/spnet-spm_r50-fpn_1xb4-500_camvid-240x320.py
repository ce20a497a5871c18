"""SPNet's backbone, ResNet-50 of ImageNet with SPMs, with a pyramid, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 54.4 on test, seed 0; docs/results.md has the conditions; paper: no result
         with this recipe
Source:  ours: what the SPMs add to a pretrained backbone
Differs: from the paper: a pyramid of stride 4 instead of dilations, no MPMs, a quarter
         of the head's channels, SPMs that start as the identity
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
