"""FCN-8s, ResNet-50, Cityscapes, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with ResNet
Source:  mmseg's fcn_r50-d8_4xb2-80k_cityscapes-512x1024 for all but the network
Differs: from mmseg's config: strides 4 to 32 and no dilation; the paper's skips instead
         of a head of two convolutions; no auxiliary head
"""

_base_ = [
    '../_base_/models/fcn-8s_r50.py',
    '../_base_/datasets/cityscapes.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=dict(size=_base_.crop_size))
