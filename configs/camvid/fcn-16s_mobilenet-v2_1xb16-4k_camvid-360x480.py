"""FCN-16s on MobileNetV2, CamVid at 360 x 480.

Run:     python tools/study.py <this file>
Result:  not measured; paper: no result with this recipe
Source:  ours: the recipe of the other heads, to compare strides
Differs: from the paper: MobileNetV2 instead of VGG16, mean loss, trained at once
"""

_base_ = [
    '../_base_/models/mobilenet-v2-fpn.py',
    '../_base_/datasets/camvid_360x480.py',
    '../_base_/schedules/schedule_adamw_4k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    neck=None,
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[96, 320],
        in_index=[2, 3],
        channels=320,
        strides=(16, 32),
    ),
)
train_dataloader = dict(batch_size=16, num_workers=8)
