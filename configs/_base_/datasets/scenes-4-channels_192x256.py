"""Embedded street scenes with near infrared, 12 classes, 192 x 256, as TIFF files.

Files: mmseg-plugins draw-scenes --out data/scenes-4-channels --channels 4
"""

dataset_type = 'mmseg_plugins.FolderDataset'
data_root = 'data/scenes-4-channels'
data_prefix = dict(img_path='images', seg_map_path='masks')
crop_size = (192, 256)
# Pictures show near infrared, red, green as red, green, blue: plants are red.
load_image = dict(type='mmseg_plugins.LoadMultiChannelImage', bands=(3, 0, 1))
load_labels = dict(type='mmseg_plugins.LoadLabels')
metainfo = dict(
    classes=[
        *('road', 'sidewalk', 'lane mark', 'building', 'ceiling', 'sky'),
        *('vegetation', 'fence', 'pole', 'sign', 'person', 'car'),
    ],
    palette=[
        *([110, 70, 120], [235, 120, 205], [250, 250, 250], [85, 85, 90]),
        *([160, 120, 60], [90, 160, 220], [90, 145, 40], [190, 100, 30]),
        *([245, 220, 20], [255, 130, 0], [215, 20, 60], [20, 20, 160]),
    ],
)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    load_image,
    load_labels,
    dict(type='RandomFlip', prob=0.5),
    # No PhotoMetricDistortion: it takes three channels of 8 bits.
    dict(type='PackSegInputs'),
]
test_pipeline = [
    load_image,
    load_labels,
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
    load_image,
    dict(
        type='TestTimeAug',
        transforms=[
            tta_scales,
            tta_flips,
            [load_labels],
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
        data_root=data_root,
        data_prefix=data_prefix,
        metainfo=metainfo,
        split='train',
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
        data_root=data_root,
        data_prefix=data_prefix,
        metainfo=metainfo,
        split='val',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
