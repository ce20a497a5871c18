"""DFANet's head over all strides of MobileNetV2, Cityscapes, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with MobileNetV2
Source:  mmseg's mobilenet-v2-d8_fcn_4xb2-80k_cityscapes-512x1024 for the schedule
Differs: from the host's config: strides 4 to 32 and no dilation; no auxiliary head;
         DFAHead in place of FCNHead, with strides 4 and 8 for low levels and 16 and 32
         for high ones
"""

_base_ = [
    '../_base_/models/segmentor_sync-bn.py',
    '../_base_/datasets/cityscapes.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
norm_cfg = dict(type='BN')
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        type='MobileNetV2',
        out_indices=(1, 2, 4, 6),
        norm_cfg=norm_cfg,
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://mobilenet_v2'),
    ),
    decode_head=dict(
        type='mmseg_plugins.DFAHead',
        in_channels=[24, 32, 96, 320],
        in_index=[0, 1, 2, 3],
        num_low=2,
        channels=64,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
