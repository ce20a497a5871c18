"""ADE20K, rotated crops of 480 x 480, for EncNet.

The steps of PyTorch-Encoding's training, with the rotation of EncNet's paper, which the
code dropped.
"""

_base_ = './ade20k.py'
crop_size = (480, 480)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize', scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
# The long side of the image becomes 520 pixels, as in the code.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(520, 520), keep_ratio=True),
    # After Resize: predictions are compared at the size of the annotation file.
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale=(260, 260), keep_ratio=True),
    dict(type='Resize', scale=(390, 390), keep_ratio=True),
    dict(type='Resize', scale=(520, 520), keep_ratio=True),
    dict(type='Resize', scale=(650, 650), keep_ratio=True),
    dict(type='Resize', scale=(780, 780), keep_ratio=True),
    dict(type='Resize', scale=(910, 910), keep_ratio=True),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_after_resize]),
]
# For schedules in epochs: the sampler ends, and the last, smaller batch is dropped.
train_dataloader = dict(
    drop_last=True,
    sampler=dict(type='mmseg_plugins.DefaultPositionSampler'),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
