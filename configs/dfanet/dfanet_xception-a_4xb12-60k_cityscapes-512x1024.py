"""DFANet-A', which is DFANet-A on Cityscapes at half size, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 70.3 mIoU test (Table 5)
Source:  same as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: iterations and weights as there; images are resized to half size, because the
         paper does not say how it gets to 512 x 1024
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
    '../_base_/datasets/cityscapes-scale_512x1024.py',
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
)
