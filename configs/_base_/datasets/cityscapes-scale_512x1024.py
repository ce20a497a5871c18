"""Cityscapes at half size, crops of 512 x 1024 after a scaling by 0.75 to 1.75."""

_base_ = './cityscapes-scale_1024x1024.py'
crop_size = (512, 1024)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize',
        scale=(1024, 512),
        ratio_range=(0.75, 1.75),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1024, 512), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale=(512, 256), keep_ratio=True),
    dict(type='Resize', scale=(768, 384), keep_ratio=True),
    dict(type='Resize', scale=(1024, 512), keep_ratio=True),
    dict(type='Resize', scale=(1280, 640), keep_ratio=True),
    dict(type='Resize', scale=(1536, 768), keep_ratio=True),
    dict(type='Resize', scale=(1792, 896), keep_ratio=True),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_rest]),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
