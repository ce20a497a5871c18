"""DFANet-A, Cityscapes, 1024 x 1024 crops, the paper's recipe.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 71.9 mIoU val (Table 4), 71.3 test (Table 5)
Source:  the paper, from reading notes of it: SGD, batch 48, momentum 0.9, weight decay
         1e-5, poly; remembered from the paper and not checked: lr 0.2, power 0.9,
         scales 0.75 to 1.75, cross-entropy
Differs: 60 000 iterations, because the paper gives no number; ImageNet weights from our
         pretrain_xception-a_8xb32-30e_imagenet-224x224; each image is tested in two
         halves, because the paper does not say how it tests with 1024 x 1024 inputs
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/cityscapes-scale_1024x1024.py',
    '../_base_/schedules/schedule_dfanet_60k.py',
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
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=_base_.crop_size),
)
