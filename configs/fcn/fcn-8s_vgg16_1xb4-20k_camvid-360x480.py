"""FCN-8s, VGG16, CamVid, 360 x 480 crops.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on CamVid
Source:  mmseg's fcn_r50-d8_4xb4-20k_voc12aug-512x512 for the schedule
Differs: one GPU, so a batch of 4; lr 0.001 instead of 0.01, because VGG16 has no batch
         norm; not tuned
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16.py',
    '../_base_/datasets/camvid_360x480.py',
    '../_base_/schedules/schedule_20k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=11),
)
optim_wrapper = dict(optimizer=dict(lr=0.001))
