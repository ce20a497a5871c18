"""DFANet-A', which is A on Cityscapes at half size, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 70.3 mIoU test (Table 5)
Source:  as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: iterations and weights as there; images at half size, as the paper does not say
         how it makes 512 x 1024 of them
"""

_base_ = [
    '../_base_/models/dfanet-a_imagenet.py',
    '../_base_/datasets/cityscapes-scale_512x1024.py',
    '../_base_/schedules/schedule_dfanet_60k.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=dict(size=_base_.crop_size))
