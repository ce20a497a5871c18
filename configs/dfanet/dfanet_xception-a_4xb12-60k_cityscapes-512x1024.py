"""DFANet-A', which is A on Cityscapes at half size, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 70.3 mIoU test (Table 5)
Source:  the paper by way of reading notes: SGD, batch 48, momentum 0.9, weight decay
         1e-5, poly; from memory of it, not checked: lr 0.2, power 0.9, scales 0.75 to
         1.75, cross-entropy
Differs: 60 000 iterations, as the paper gives none; ImageNet weights by the config
         pretrain_xception-a_8xb32-30e_imagenet-224x224; images at half size, as the
         paper does not say how it makes 512 x 1024 of them
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/cityscapes-scale_512x1024.py',
    '../_base_/schedules/schedule_dfanet_60k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(512, 1024)),
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/xception_a.pth',
            prefix='backbone.',
        ),
    ),
)
