"""CamVid, frames enlarged to 720 x 960, crops of 540 x 720.

Thin objects of frames at 360 x 480 cover several cells of the finest maps then.
Predictions are resized to the labels, so the metric is that of 360 x 480.
"""

_base_ = './camvid_360x480.py'
crop_size = (540, 720)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize', scale=(960, 720), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(960, 720), keep_ratio=True),
    # After Resize: predictions are compared at the size of the annotation file.
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale=(720, 540), keep_ratio=True),
    dict(type='Resize', scale=(960, 720), keep_ratio=True),
    dict(type='Resize', scale=(1200, 900), keep_ratio=True),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_after_resize]),
]
dataset_train = dict(
    type='mmseg_plugins.CamVidDataset',
    data_root='data/camvid',
    data_prefix=dict(img_path='images/train', seg_map_path='annotations/train'),
    pipeline=train_pipeline,
)
dataset_val = dict(
    type='mmseg_plugins.CamVidDataset',
    data_root='data/camvid',
    data_prefix=dict(img_path='images/val', seg_map_path='annotations/val'),
    pipeline=train_pipeline,
)
train_dataloader = dict(batch_size=8, num_workers=8, dataset=dataset_train)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
