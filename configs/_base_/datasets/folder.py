"""Your own data: data/own/images and data/own/masks, crops of 512 x 512.

Images are resized to fit into 1024 x 1024. tools/new.py writes a config with the sizes
and the classes of your data.
"""

dataset_type = 'mmseg_plugins.FolderDataset'
data_root = 'data/own'
data_prefix = dict(img_path='images', seg_map_path='masks')
crop_size = (512, 512)
load_labels = dict(type='mmseg_plugins.LoadLabels')
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    load_labels,
    dict(
        type='RandomResize', scale=(1024, 1024), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1024, 1024), keep_ratio=True),
    # After Resize: predictions are compared at the size of the mask.
    load_labels,
    dict(type='PackSegInputs'),
]
# The steps of a multi-scale test that follow Resize.
tta_after_resize = [
    [
        dict(type='RandomFlip', prob=0.0, direction='horizontal'),
        dict(type='RandomFlip', prob=1.0, direction='horizontal'),
    ],
    [load_labels],
    [dict(type='PackSegInputs')],
]
tta_scales = [
    dict(type='Resize', scale=(768, 768), keep_ratio=True),
    dict(type='Resize', scale=(1024, 1024), keep_ratio=True),
    dict(type='Resize', scale=(1280, 1280), keep_ratio=True),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[tta_scales, *tta_after_resize]),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmseg_plugins.InfinitePositionSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=data_prefix,
        split='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=data_prefix,
        split='val',
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=data_prefix,
        split='test',
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
