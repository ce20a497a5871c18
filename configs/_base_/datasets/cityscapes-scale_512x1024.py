"""Cityscapes at half size, crops of 512 x 1024, for DFANet.

The scales 0.75 to 1.75 are remembered from the paper and not checked.
"""

_base_ = './cityscapes.py'
crop_size = (512, 1024)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
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
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1024, 512), keep_ratio=True),
    # After Resize: predictions are compared at the size of the annotation file.
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
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_after_resize]),
]
train_dataloader = dict(
    batch_size=12, num_workers=8, dataset=dict(pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
