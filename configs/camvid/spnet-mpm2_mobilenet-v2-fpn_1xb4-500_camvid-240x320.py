"""SPNet's head with 2 mixed pooling modules on MobileNetV2 and a pyramid, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 54.2 on test, mean of two seeds; docs/results.md has the conditions;
         paper: no result with this recipe
Source:  ours: one recipe and one backbone for all heads
Differs: from the paper: a quarter of its channels, on a pyramid of stride 4, modules
         that start as the identity
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
        type='mmseg_plugins.StripPoolingHead',
        reduce_channels=128,
        num_modules=2,
        loss_decode=dict(class_weight=_base_.class_weight),
    ),
)
