"""EncNet, SE loss, no auxiliary one, slim ResNet-18, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  mIoU 72.9, mean of seeds 0, 1, 2; paper: no result on these scenes
Source:  ours: a training that two CPU cores finish in three minutes
Differs: ResNet-18 of a quarter of the channels, from random weights; laterals, as in
         the code's Pascal models; no rotation; AdamW, with one rate for all
"""

_base_ = [
    '../_base_/models/encnet_r18-d8-slim.py',
    '../_base_/datasets/synthetic_scenes.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(auxiliary_head=None)
