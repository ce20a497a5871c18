"""DFANet-A, CamVid, 720 x 960 crops, the paper's recipe for Cityscapes.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 64.7 mIoU test, according to third-party lists
Source:  same as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: same as dfanet_xception-a_1xb48-5k_camvid-360x480
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/camvid-scale_720x960.py',
    '../_base_/schedules/schedule_dfanet_5k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    # python tools/convert.py dfanet CLASSIFIER.pth checkpoints/xception_a.pth
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/xception_a.pth',
            prefix='backbone.',
        ),
    ),
    decode_head=dict(num_classes=11),
)
