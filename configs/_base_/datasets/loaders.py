"""What the data sets share: loaders, scores, scales and flips of a multi-scale test.

A data set's own file inherits this one, and its variants inherit that file.
"""

flip_distort_pack = [
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale_factor=0.5, keep_ratio=True),
    dict(type='Resize', scale_factor=0.75, keep_ratio=True),
    dict(type='Resize', scale_factor=1.0, keep_ratio=True),
    dict(type='Resize', scale_factor=1.25, keep_ratio=True),
    dict(type='Resize', scale_factor=1.5, keep_ratio=True),
    dict(type='Resize', scale_factor=1.75, keep_ratio=True),
]
tta_flips = [
    dict(type='RandomFlip', prob=0.0, direction='horizontal'),
    dict(type='RandomFlip', prob=1.0, direction='horizontal'),
]
train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
# For schedules in epochs: the sampler ends, and no batch is smaller than the others.
for_epochs = dict(drop_last=True, sampler=dict(type='DefaultSampler'))

val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
