"""FCN-8s, VGG16, ADE20K, 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on ADE20K
Source:  mmseg's fcn_r50-d8_4xb4-160k_ade20k-512x512 for all but the network
Differs: from mmseg's config: lr 0.001 instead of 0.01, because VGG16 has no batch norm;
         not tuned
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_160k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=150),
)
optim_wrapper = dict(optimizer=dict(lr=0.001))
