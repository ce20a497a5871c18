"""DFANet-A, CamVid at half size, 360 x 480 crops, the paper's recipe for Cityscapes.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result at this size
Source:  same as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: 5 000 iterations, because the paper gives no number; ImageNet weights from our
         pretrain_xception-a_8xb32-30e_imagenet-224x224
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/camvid-scale_360x480.py',
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
