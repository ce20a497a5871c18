"""DFANet-A's encoder of 2 sub-networks, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours: a training that two CPU cores finish in minutes
Differs: the row of the paper's Table 3 that has no decoder: the last attention alone
         is classified. Random weights, AdamW, batch 8, warm-up
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/synthetic_scenes.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(192, 256)),
    backbone=dict(num_subnets=2),
    decode_head=dict(num_low=0, in_channels=[192], in_index=[3], num_classes=12),
)
