"""Pascal Context without background, 59 classes, rotated crops of 480 x 480.

The augmentation of EncNet's code, with its paper's rotation. The sampler ends, as
epochs need.
"""

_base_ = ['./pascal_context_59.py', '../augmentations/encnet_480x480.py']
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    *_base_.rotated_crops,
]
train_dataloader = dict(_base_.for_epochs, dataset=dict(pipeline=train_pipeline))
