"""DFANet-A, CamVid, 720 x 960 crops, the recipe of the paper's Cityscapes.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 64.7 mIoU test, as listings of it have it
Source:  as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: as dfanet_xception-a_1xb48-5k_camvid-360x480
"""

_base_ = [
    '../_base_/models/dfanet-a_imagenet.py',
    '../_base_/datasets/camvid-scale_720x960.py',
    '../_base_/schedules/schedule_dfanet_5k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size), decode_head=dict(num_classes=11)
)
