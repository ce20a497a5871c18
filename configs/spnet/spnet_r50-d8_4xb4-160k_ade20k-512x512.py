"""SPNet, ResNet-50, ADE20K, 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with this training
Source:  mmseg's pspnet_r50-d8_4xb4-160k_ade20k-512x512 for all but the network
Differs: from the authors' network: stem of 32, 32 and 64 channels, whose ImageNet
         weights mmengine downloads (the authors' stem: 64, 64, 128)
"""

_base_ = [
    '../_base_/models/spnet_r50-d8.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_160k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=150),
    auxiliary_head=dict(num_classes=150),
)
