"""ADE20K, rotated and blurred crops of 480 x 480, for SPNet.

The steps of config/ade20k and util/transform.py in houqb/SPNet.
"""

_base_ = './ade20k.py'
crop_size = (480, 480)
# Mean of the images, in BGR: padding becomes zero when the mean is subtracted.
image_mean = (103.53, 116.28, 123.675)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    # The short side becomes 512 times a random factor. In the code it becomes the short
    # side of the file times that factor.
    dict(
        type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True
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
# The long side of the image becomes 512 pixels, as in the code.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    # After Resize: predictions are compared at the size of the annotation file.
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale=(256, 256), keep_ratio=True),
    dict(type='Resize', scale=(384, 384), keep_ratio=True),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    dict(type='Resize', scale=(640, 640), keep_ratio=True),
    dict(type='Resize', scale=(768, 768), keep_ratio=True),
    dict(type='Resize', scale=(896, 896), keep_ratio=True),
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
