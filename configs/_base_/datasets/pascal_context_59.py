"""Pascal Context without background, 59 classes, crops of 480 x 480."""

_base_ = './loaders.py'
pascal_context = dict(
    type='PascalContextDataset59',
    data_root='data/VOCdevkit/VOC2010',
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassContext'),
)
load_labels = dict(
    type='mmseg_plugins.LoadLabels', num_classes=59, reduce_zero_label=True
)
tta_rest = [_base_.tta_flips, [load_labels], [dict(type='PackSegInputs')]]
crop_size = (480, 480)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    load_labels,
    dict(
        type='RandomResize', scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.flip_distort_pack,
]
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        pascal_context,
        ann_file='ImageSets/SegmentationContext/train.txt',
        pipeline=train_pipeline,
    ),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(520, 520), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    load_labels,
    dict(type='PackSegInputs'),
]
val_dataloader = dict(
    dataset=dict(
        pascal_context,
        ann_file='ImageSets/SegmentationContext/val.txt',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[_base_.tta_scales, *tta_rest]),
]
