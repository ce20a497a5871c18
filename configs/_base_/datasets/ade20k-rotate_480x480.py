"""ADE20K, 150 classes, rotated crops of 480 x 480.

The augmentation of EncNet's code, with its paper's rotation. The sampler ends, as
epochs need. Images are of many sizes: the scales at test are those of the long side.
"""

_base_ = ['./ade20k.py', '../augmentations/encnet_480x480.py']
crop_size = (480, 480)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    *_base_.rotated_crops,
]
train_dataloader = dict(_base_.for_epochs, dataset=dict(pipeline=train_pipeline))
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(520, 520), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale=(260, 260), keep_ratio=True),
    dict(type='Resize', scale=(390, 390), keep_ratio=True),
    dict(type='Resize', scale=(520, 520), keep_ratio=True),
    dict(type='Resize', scale=(650, 650), keep_ratio=True),
    dict(type='Resize', scale=(780, 780), keep_ratio=True),
    dict(type='Resize', scale=(910, 910), keep_ratio=True),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_rest]),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
