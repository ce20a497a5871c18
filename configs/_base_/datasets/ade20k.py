"""ADE20K, 150 classes, crops of 512 x 512."""

_base_ = './loaders.py'
ade20k = dict(type='ADE20KDataset', data_root='data/ade/ADEChallengeData2016')
load_labels = dict(
    type='mmseg_plugins.LoadLabels', num_classes=150, reduce_zero_label=True
)
tta_rest = [_base_.tta_flips, [load_labels], [dict(type='PackSegInputs')]]
crop_size = (512, 512)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    load_labels,
    dict(
        type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.flip_distort_pack,
]
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        ade20k,
        data_prefix=dict(
            img_path='images/training', seg_map_path='annotations/training'
        ),
        pipeline=train_pipeline,
    ),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 512), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    load_labels,
    dict(type='PackSegInputs'),
]
val_dataloader = dict(
    dataset=dict(
        ade20k,
        data_prefix=dict(
            img_path='images/validation', seg_map_path='annotations/validation'
        ),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[_base_.tta_scales, *tta_rest]),
]
