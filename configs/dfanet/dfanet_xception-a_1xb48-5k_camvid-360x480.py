"""DFANet-A, CamVid, 360 x 480 crops, half size, the recipe of the paper's Cityscapes.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result at this size
Source:  the paper by way of reading notes: SGD, batch 48, momentum 0.9, weight decay
         1e-5, poly; from memory of it, not checked: lr 0.2, power 0.9, scales 0.75 to
         1.75, cross-entropy
Differs: 5 000 iterations, as the paper gives none; ImageNet weights by the config
         pretrain_xception-a_8xb32-30e_imagenet-224x224
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/camvid-scale_360x480.py',
    '../_base_/schedules/schedule_dfanet_60k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(360, 480)),
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/xception_a.pth',
            prefix='backbone.',
        ),
    ),
    decode_head=dict(num_classes=11),
)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=5000, by_epoch=False)]
train_cfg = dict(max_iters=5000, val_interval=500)
default_hooks = dict(checkpoint=dict(interval=500))
