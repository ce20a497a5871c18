"""Pascal VOC 2012 with the annotations of SBD, 21 classes, crops of 512 x 512.

The pipelines are those of mmseg's pascal_voc12_aug.
"""

dataset_type = 'PascalVOCDataset'
data_root = 'data/VOCdevkit/VOC2012'
load_labels = dict(type='mmseg_plugins.LoadLabels', num_classes=21)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    load_labels,
    dict(
        type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='Pad', size=(512, 512)),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 512), keep_ratio=True),
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
tta_scales = [
    dict(type='Resize', scale_factor=0.5, keep_ratio=True),
    dict(type='Resize', scale_factor=0.75, keep_ratio=True),
    dict(type='Resize', scale_factor=1.0, keep_ratio=True),
    dict(type='Resize', scale_factor=1.25, keep_ratio=True),
    dict(type='Resize', scale_factor=1.5, keep_ratio=True),
    dict(type='Resize', scale_factor=1.75, keep_ratio=True),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[tta_scales, *tta_after_resize]),
]
dataset_train = dict(
    type=dataset_type,
    data_root=data_root,
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
    ann_file='ImageSets/Segmentation/train.txt',
    pipeline=train_pipeline,
)
# mmseg's tools/dataset_converters/voc_aug.py makes the annotations of SBD.
dataset_aug = dict(
    type=dataset_type,
    data_root=data_root,
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
    ann_file='ImageSets/Segmentation/aug.txt',
    pipeline=train_pipeline,
)
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='mmseg_plugins.InfinitePositionSampler', shuffle=True),
    dataset=dict(type='ConcatDataset', datasets=[dataset_train, dataset_aug]),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
