"""Pascal Context without background, rotated and blurred crops of 480 x 480, for SPNet.

houqb/SPNet has no code for this data set: these are its steps for ADE20K.
"""

_base_ = './pascal_context_59.py'
crop_size = (480, 480)
# Mean of the images, in BGR: padding becomes zero when the mean is subtracted.
image_mean = (103.53, 116.28, 123.675)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(
        type='RandomResize', scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(
        type='RandomRotate',
        prob=0.5,
        degree=10.0,
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
