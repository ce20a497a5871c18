"""DFANet-A, batch norm in the FC attention, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours: a training that two CPU cores finish in minutes
Differs: batch norm in place of the bias of the attention's 1 x 1 convolution, as in
         several public codes. From the paper's recipe: random weights, AdamW, batch 8,
         warm-up
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/synthetic_scenes.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(192, 256)),
    backbone=dict(attention_norm_cfg=dict(type='SyncBN', requires_grad=True)),
    decode_head=dict(num_classes=12),
)
