"""DFANet-A with activation checkpointing, Cityscapes, 1024 x 1024 crops.

Run:     python tools/train.py <this file>
Result:  not measured; paper: 71.9 mIoU val (Table 4), 71.3 test (Table 5)
Source:  same as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: same as there. One GPU holds the whole batch of 48: the backward pass computes
         the stages again instead of storing them, which does not change any number
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
        with_cp=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/xception_a.pth',
            prefix='backbone.',
        ),
    ),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=_base_.crop_size),
)
train_dataloader = dict(batch_size=48)
