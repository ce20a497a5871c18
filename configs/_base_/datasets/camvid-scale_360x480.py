"""CamVid, crops of 360 x 480, for DFANet.

The scales 0.75 to 1.75 are remembered from the paper and not checked.
"""

_base_ = './camvid_360x480.py'
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize', scale=(480, 360), ratio_range=(0.75, 1.75), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=(360, 480)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=48, num_workers=8, dataset=dict(pipeline=train_pipeline)
)
