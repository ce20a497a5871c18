"""DFANet-A, high levels alone, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours: a training that two CPU cores finish in minutes
Differs: a row of the paper's Table 4. Random weights, AdamW, batch 8, warm-up
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/synthetic_scenes.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(192, 256)),
    decode_head=dict(
        num_low=0, in_channels=[192, 192, 192], in_index=[3, 4, 5], num_classes=12
    ),
)
