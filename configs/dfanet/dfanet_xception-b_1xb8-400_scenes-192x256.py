"""DFANet-B, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours: a training that two CPU cores finish in minutes
Differs: from the paper's recipe: random weights, AdamW, batch 8, warm-up
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/synthetic_scenes.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(192, 256)),
    backbone=dict(arch='B'),
    decode_head=dict(in_channels=[32, 32, 32, 128, 128, 128], num_classes=12),
)
