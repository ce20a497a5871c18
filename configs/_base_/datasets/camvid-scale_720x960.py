"""CamVid at its original size, crops of 720 x 960, for DFANet.

The scales 0.75 to 1.75 are remembered from the paper and not checked.
"""

_base_ = './camvid_360x480.py'
crop_size = (720, 960)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize', scale=(960, 720), ratio_range=(0.75, 1.75), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(960, 720), keep_ratio=True),
    # After Resize: predictions are compared at the size of the annotation file.
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale=(480, 360), keep_ratio=True),
    dict(type='Resize', scale=(720, 540), keep_ratio=True),
    dict(type='Resize', scale=(960, 720), keep_ratio=True),
    dict(type='Resize', scale=(1200, 900), keep_ratio=True),
    dict(type='Resize', scale=(1440, 1080), keep_ratio=True),
    dict(type='Resize', scale=(1680, 1260), keep_ratio=True),
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
