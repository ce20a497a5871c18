"""EncNet, ResNet-50, CamVid, 360 x 480 crops.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on CamVid
Source:  zhanghang1989/PyTorch-Encoding, its training on the Pascal data sets: batch 16,
         lr 0.001, ten times that for the heads, auxiliary and SE weight 0.2
Differs: 20 000 iterations of an endless sampler, which has no last batch; stem of 32,
         32 and 64 channels, whose ImageNet weights mmengine downloads; rotation by up
         to 10 degrees as in the paper
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/camvid-rotate_360x480.py',
    '../_base_/schedules/schedule_encnet_20k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11),
)
