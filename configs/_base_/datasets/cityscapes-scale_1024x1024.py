"""Cityscapes, crops of 1024 x 1024, for DFANet.

The scales 0.75 to 1.75 are remembered from the paper and not checked.
"""

_base_ = './cityscapes.py'
crop_size = (1024, 1024)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize',
        scale=(2048, 1024),
        ratio_range=(0.75, 1.75),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=12, num_workers=8, dataset=dict(pipeline=train_pipeline)
)
