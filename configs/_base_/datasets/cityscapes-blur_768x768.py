"""Cityscapes, rotated and blurred crops of 768 x 768: the augmentation of SPNet's code.

The sampler ends, as epochs need.
"""

_base_ = ['./cityscapes.py', '../augmentations/spnet_480x480.py']
crop_size = (768, 768)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize',
        scale=(2048, 1024),
        ratio_range=(0.5, 1.75),
        keep_ratio=True,
    ),
    dict(
        type='RandomRotate',
        prob=0.5,
        degree=1.0,
        pad_val=_base_.mean,
        seg_pad_val=255,
    ),
    _base_.blur,
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=crop_size, pad_val=dict(img=_base_.mean, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(_base_.for_epochs, dataset=dict(pipeline=train_pipeline))
