"""FCN-2s, VGG16 of a quarter of the channels, embedded scenes at 192 x 256.

Run:     make demo, or python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours: a training that two CPU cores finish in two minutes
Differs: skips down to stride 2, for the scenes are small; slim backbone with batch
         norm, from random weights; mean loss; AdamW
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16-slim.py',
    '../_base_/datasets/synthetic_scenes.py',
    '../_base_/schedules/schedule_20k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3, 4)),
    decode_head=dict(
        in_channels=[16, 32, 64, 128, 128],
        in_index=[0, 1, 2, 3, 4],
        strides=[2, 4, 8, 16, 32],
    ),
)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.01),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', power=0.9, begin=20, end=400, by_epoch=False),
]
train_cfg = dict(max_iters=400, val_interval=400)
default_hooks = dict(logger=dict(interval=25), checkpoint=dict(interval=100))
