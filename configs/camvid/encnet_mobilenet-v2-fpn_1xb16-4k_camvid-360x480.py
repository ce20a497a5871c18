"""EncNet's head on MobileNetV2 and a pyramid, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 64.0 on test after 190 s of a shared H100, seed 0; docs/results.md
         has the conditions; paper: no result with this recipe
Source:  ours: one recipe and one backbone for all heads
Differs: from the paper: 128 channels, on a pyramid of stride 4
"""

_base_ = [
    '../_base_/models/mobilenet-v2-fpn.py',
    '../_base_/datasets/camvid_360x480.py',
    '../_base_/schedules/schedule_adamw_4k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(
        type='mmseg_plugins.EncHead',
        in_channels=[128],
        in_index=[0],
    ),
)
train_dataloader = dict(batch_size=16, num_workers=8)
