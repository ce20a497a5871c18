"""CamVid, 11 classes, 480 x 360; made by tools/dataset_converters/camvid.py."""

_base_ = './loaders.py'
camvid = dict(type='mmseg_plugins.CamVidDataset', data_root='data/camvid')
load_labels = dict(type='mmseg_plugins.LoadLabels', num_classes=11)
tta_rest = [_base_.tta_flips, [load_labels], [dict(type='PackSegInputs')]]
crop_size = (360, 480)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    load_labels,
    dict(
        type='RandomResize', scale=(480, 360), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.flip_distort_pack,
]
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    dataset=dict(
        camvid,
        data_prefix=dict(img_path='images/train', seg_map_path='annotations/train'),
        pipeline=train_pipeline,
    ),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(480, 360), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    load_labels,
    dict(type='PackSegInputs'),
]
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        camvid,
        data_prefix=dict(img_path='images/val', seg_map_path='annotations/val'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    num_workers=2,
    dataset=dict(
        camvid,
        data_prefix=dict(img_path='images/test', seg_map_path='annotations/test'),
        pipeline=test_pipeline,
    ),
)
# in numbers, not factors: CamVid lies on disk in two sizes
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
    dict(type='TestTimeAug', transforms=[tta_scales, *tta_rest]),
]
