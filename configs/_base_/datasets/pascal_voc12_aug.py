"""Pascal VOC 2012 with the annotations of SBD (train + aug), crops of 512 x 512."""

_base_ = './loaders.py'
voc = dict(
    type='PascalVOCDataset',
    data_root='data/VOCdevkit/VOC2012',
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
)
load_labels = dict(type='mmseg_plugins.LoadLabels', num_classes=21)
tta_rest = [_base_.tta_flips, [load_labels], [dict(type='PackSegInputs')]]
train_pipeline = [
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
dataset_train = dict(voc, ann_file='ImageSets/Segmentation/train.txt')
# The augmentation's annotations are made by the host's voc_aug.py.
dataset_aug = dict(
    voc,
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
    ann_file='ImageSets/Segmentation/aug.txt',
)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(dataset_train, pipeline=train_pipeline),
            dict(dataset_aug, pipeline=train_pipeline),
        ],
    ),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 512), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    load_labels,
    dict(type='PackSegInputs'),
]
dataset_val = dict(
    voc, ann_file='ImageSets/Segmentation/val.txt', pipeline=test_pipeline
)
val_dataloader = dict(dataset=dataset_val)
test_dataloader = val_dataloader
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[_base_.tta_scales, *tta_rest]),
]
