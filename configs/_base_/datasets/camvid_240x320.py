"""CamVid, crops of 240 x 320 in batches of 4, for a training on a CPU.

Frames keep their size of 360 x 480; only the crops are smaller.
"""

dataset_type = 'mmseg_plugins.CamVidDataset'
data_root = 'data/camvid'
crop_size = (240, 320)
# Square root of (median share / share of the class in train)
class_weight = [0.52, 0.44, 2.17, 0.38, 1.0, 0.68, 1.98, 1.98, 0.88, 2.59, 3.96]
load_labels = dict(type='mmseg_plugins.LoadLabels')
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    load_labels,
    dict(
        type='RandomResize', scale=(480, 360), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(480, 360), keep_ratio=True),
    # After Resize: predictions are compared at the size of the annotation file.
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
# Sizes instead of factors, because the files come in two sizes.
tta_scales = [
    dict(type='Resize', scale=(240, 180), keep_ratio=True),
    dict(type='Resize', scale=(360, 270), keep_ratio=True),
    dict(type='Resize', scale=(480, 360), keep_ratio=True),
    dict(type='Resize', scale=(600, 450), keep_ratio=True),
    dict(type='Resize', scale=(720, 540), keep_ratio=True),
    dict(type='Resize', scale=(840, 630), keep_ratio=True),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[tta_scales, *tta_after_resize]),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='mmseg_plugins.InfinitePositionSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='images/train', seg_map_path='annotations/train'),
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
        data_prefix=dict(img_path='images/val', seg_map_path='annotations/val'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='images/test', seg_map_path='annotations/test'),
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
