"""SPNet, ResNet-50, Cityscapes, 769 x 769 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with this training
Source:  mmseg's pspnet_r50-d8_4xb2-80k_cityscapes-769x769 for all but the network
Differs: from the authors' network: stem of 32, 32 and 64 channels, whose ImageNet
         weights mmengine downloads (the authors' stem: 64, 64, 128)
"""

_base_ = [
    '../_base_/models/spnet_r50-d8.py',
    '../_base_/datasets/cityscapes_769x769.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(513, 513)),
)
