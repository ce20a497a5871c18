"""Pascal Context without background, 59 classes, crops of 480 x 480.

Rotated and blurred as in SPNet's code for ADE20K. The sampler ends, as epochs need.
"""

_base_ = ['./pascal_context_59.py', '../augmentations/spnet_480x480.py']
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize', scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    *_base_.blurred_crops,
]
train_dataloader = dict(_base_.for_epochs, dataset=dict(pipeline=train_pipeline))
