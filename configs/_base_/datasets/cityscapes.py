"""Cityscapes, crops of 512 x 1024."""

_base_ = './loaders.py'
cityscapes = dict(type='CityscapesDataset', data_root='data/cityscapes')
load_labels = dict(type='mmseg_plugins.LoadLabels', num_classes=19)
tta_rest = [_base_.tta_flips, [load_labels], [dict(type='PackSegInputs')]]
crop_size = (512, 1024)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    load_labels,
    dict(
        type='RandomResize', scale=(2048, 1024), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.flip_distort_pack,
]
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    dataset=dict(
        cityscapes,
        data_prefix=dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
        pipeline=train_pipeline,
    ),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 1024), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    load_labels,
    dict(type='PackSegInputs'),
]
val_dataloader = dict(
    dataset=dict(
        cityscapes,
        data_prefix=dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[_base_.tta_scales, *tta_rest]),
]
