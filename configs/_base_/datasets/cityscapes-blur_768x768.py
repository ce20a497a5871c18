"""Cityscapes, rotated and blurred crops of 768 x 768, for SPNet.

The steps of config/cityscapes and util/transform.py in houqb/SPNet.
"""

_base_ = './cityscapes.py'
crop_size = (768, 768)
# Mean of the images, in BGR: padding becomes zero when the mean is subtracted.
image_mean = (103.53, 116.28, 123.675)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize',
        scale=(2048, 1024),
        ratio_range=(0.5, 1.75),
        keep_ratio=True,
    ),
    dict(
        type='RandomRotate',
        prob=0.5,
        degree=1.0,
        pad_val=image_mean,
        seg_pad_val=255,
    ),
    dict(
        type='RandomApply',
        transforms=[dict(type='mmseg_plugins.GaussianBlur')],
        prob=0.5,
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=crop_size, pad_val=dict(img=image_mean, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
# For schedules in epochs: the sampler ends, and the last, smaller batch is dropped.
train_dataloader = dict(
    drop_last=True,
    sampler=dict(type='mmseg_plugins.DefaultPositionSampler'),
    dataset=dict(pipeline=train_pipeline),
)
