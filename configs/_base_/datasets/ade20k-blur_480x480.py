"""ADE20K, 150 classes, rotated and blurred crops of 480 x 480: SPNet's augmentation.

The sampler ends, as epochs need. At test the long side is 512, times the scales.
"""

_base_ = ['./ade20k.py', '../augmentations/spnet_480x480.py']
crop_size = (480, 480)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    *_base_.blurred_crops,
]
train_dataloader = dict(_base_.for_epochs, dataset=dict(pipeline=train_pipeline))
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale=(256, 256), keep_ratio=True),
    dict(type='Resize', scale=(384, 384), keep_ratio=True),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    dict(type='Resize', scale=(640, 640), keep_ratio=True),
    dict(type='Resize', scale=(768, 768), keep_ratio=True),
    dict(type='Resize', scale=(896, 896), keep_ratio=True),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_rest]),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
