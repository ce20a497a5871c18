"""Pascal VOC 2012 with the annotations of SBD, rotated crops of 480 x 480.

The augmentation of EncNet's code, with its paper's rotation. The sampler ends, as
epochs need.
"""

_base_ = ['./pascal_voc12_aug.py', '../augmentations/encnet_480x480.py']
crop_size = (480, 480)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    *_base_.rotated_crops,
]
train_dataloader = dict(
    _base_.for_epochs,
    dataset=dict(
        datasets=[
            dict(_base_.dataset_train, pipeline=train_pipeline),
            dict(_base_.dataset_aug, pipeline=train_pipeline),
        ],
    ),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(520, 520), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
