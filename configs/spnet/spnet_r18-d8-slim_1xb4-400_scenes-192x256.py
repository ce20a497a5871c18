"""SPNet with SPMs and two MPMs, slim ResNet-18, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  mIoU 70.1, mean of seeds 0, 1, 2; paper: no result on these scenes
Source:  ours: a training that one CPU core finishes in two minutes
Differs: from the authors' code: ResNet-18 with a quarter of the channels and random
         weights, SPMs between the convolutions of its basic blocks; square pools of 8
         and 5; no auxiliary loss; no rotation, no blur; AdamW, with one learning rate
         for all layers
"""

_base_ = [
    '../_base_/models/spnet_r18-d8-slim.py',
    '../_base_/datasets/synthetic_scenes.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(batch_size=4)
