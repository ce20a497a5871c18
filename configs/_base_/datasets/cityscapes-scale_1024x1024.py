"""Cityscapes, crops of 1024 x 1024 out of images of 0.75 to 1.75 times their size."""

_base_ = './cityscapes.py'
crop_size = (1024, 1024)
random_resize = dict(
    type='RandomResize',
    scale=(2048, 1024),
    ratio_range=(0.75, 1.75),
    keep_ratio=True,
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    random_resize,
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=12, num_workers=8, dataset=dict(pipeline=train_pipeline)
)
