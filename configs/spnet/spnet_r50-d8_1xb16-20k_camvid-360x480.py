"""SPNet, ResNet-50, CamVid, 360 x 480 crops.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on CamVid
Source:  the training of encnet_r50-d8_1xb16-20k_camvid-360x480; auxiliary weight 0.4
         as in houqb/SPNet
Differs: 20 000 iterations of an endless sampler, which has no last batch; stem of 32,
         32 and 64 channels, whose ImageNet weights mmengine downloads; rotation by up
         to 10 degrees, no blur
"""

_base_ = [
    '../_base_/models/spnet_r50-d8.py',
    '../_base_/datasets/camvid-rotate_360x480.py',
    '../_base_/schedules/schedule_encnet_20k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11),
)
