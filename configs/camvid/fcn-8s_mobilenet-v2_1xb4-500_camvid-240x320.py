"""FCN-8s on MobileNetV2, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 55.5 on test, mean of two seeds; docs/results.md has the conditions;
         paper: no result with this recipe
Source:  ours: the recipe of the other heads, to compare strides
Differs: from the paper: MobileNetV2 instead of VGG16, mean loss, trained at once
"""

_base_ = [
    '../_base_/models/mobilenet-v2-fpn-slim.py',
    '../_base_/datasets/camvid_240x320.py',
    '../_base_/schedules/schedule_adamw_500.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    neck=None,
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[32, 96, 320],
        in_index=[1, 2, 3],
        channels=320,
        strides=(8, 16, 32),
        loss_decode=dict(class_weight=_base_.class_weight),
    ),
)
