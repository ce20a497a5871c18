"""EncNet with auxiliary and SE loss, slim ResNet-18, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours: a training that two CPU cores finish in three minutes
Differs: from the authors' code: ResNet-18 with a quarter of the channels and random
         weights; lateral connections, as in the code's Pascal models; no rotation;
         AdamW, with one learning rate for all layers
"""

_base_ = [
    '../_base_/models/encnet_r18-d8-slim.py',
    '../_base_/datasets/synthetic_scenes.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
