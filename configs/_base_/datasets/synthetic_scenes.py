"""Embedded street scenes, 12 classes, 192 x 256: drawn from seeds, nothing to download.

Training and held-out scenes have different seeds.
"""

dataset_type = 'mmseg_plugins.SyntheticSceneDataset'
crop_size = (192, 256)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='mmseg_plugins.LoadSyntheticScene'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
# mmseg's own loading steps, which can read scene:// addresses too: mmseg's inference
# on image files looks for these steps by name.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale_factor=0.75, keep_ratio=True),
    dict(type='Resize', scale_factor=1.0, keep_ratio=True),
    dict(type='Resize', scale_factor=1.25, keep_ratio=True),
]
tta_flips = [
    dict(type='RandomFlip', prob=0.0, direction='horizontal'),
    dict(type='RandomFlip', prob=1.0, direction='horizontal'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            tta_scales,
            tta_flips,
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='mmseg_plugins.InfinitePositionSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        size=crop_size,
        num_scenes=4000,
        first_seed=0,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        size=crop_size,
        num_scenes=40,
        first_seed=1_000_000,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
