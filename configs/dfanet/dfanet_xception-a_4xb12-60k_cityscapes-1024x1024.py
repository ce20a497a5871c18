"""DFANet-A, Cityscapes, 1024 x 1024 crops, the paper's recipe.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 71.9 mIoU val (Table 4), 71.3 test (Table 5)
Source:  the paper by way of reading notes: SGD, batch 48, momentum 0.9, weight decay
         1e-5, poly; from memory of it, not checked: lr 0.2, power 0.9, scales 0.75 to
         1.75, cross-entropy
Differs: 60 000 iterations, as the paper gives none; ImageNet weights by the config
         pretrain_xception-a_8xb32-30e_imagenet-224x224; tested on the two halves of an
         image, as the paper does not say how a net of this input size is
"""

_base_ = [
    '../_base_/models/dfanet-a_imagenet.py',
    '../_base_/datasets/cityscapes-scale_1024x1024.py',
    '../_base_/schedules/schedule_dfanet_60k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=_base_.crop_size),
)
