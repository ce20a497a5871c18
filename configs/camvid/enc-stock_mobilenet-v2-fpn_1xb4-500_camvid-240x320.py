"""mmseg's EncHead on MobileNetV2 and a pyramid, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 54.3 on test, seed 0; docs/results.md has the conditions; paper: no result
         with this recipe
Source:  ours: one recipe and one backbone for all heads
Differs: none: a head of mmseg, to compare with; 64 channels
"""

_base_ = [
    '../_base_/models/mobilenet-v2-fpn-slim.py',
    '../_base_/datasets/camvid_240x320.py',
    '../_base_/schedules/schedule_adamw_500.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(
        type='EncHead',
        in_channels=[64],
        in_index=[0],
        num_codes=32,
        add_lateral=False,
        loss_se_decode=dict(
            type='CrossEntropyLoss',
            use_sigmoid=True,
            avg_non_ignore=True,
            loss_weight=0.2,
        ),
        loss_decode=dict(class_weight=_base_.class_weight),
    ),
)
