"""EncNet, ResNet-101 with the authors' stem, ADE20K, 576 x 576 crops.

Run:     bash tools/dist_train.sh <this file> 4
         ImageNet weights: docs/encnet.md, "Weights"
Result:  not measured; the authors' code, multi-scale: 44.4 (its model zoo page)
Source:  same as encnet_r50s-d8_4xb4-180e_ade20k-480x480
Differs: same as there
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_180e.py',
    '../_base_/default_runtime.py',
]
crop_size = (576, 576)
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(
        depth=101,
        stem_channels=128,
        init_cfg=dict(checkpoint='checkpoints/resnet101s.pth', prefix='backbone.'),
    ),
    decode_head=dict(num_classes=150),
    auxiliary_head=dict(num_classes=150),
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(384, 384)),
)
# The pipelines of ade20k-rotate_480x480 with a base size of 640 instead of 520.
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize', scale=(640, 640), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(640, 640), keep_ratio=True),
    # After Resize: predictions are compared at the size of the annotation file.
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale=(320, 320), keep_ratio=True),
    dict(type='Resize', scale=(480, 480), keep_ratio=True),
    dict(type='Resize', scale=(640, 640), keep_ratio=True),
    dict(type='Resize', scale=(800, 800), keep_ratio=True),
    dict(type='Resize', scale=(960, 960), keep_ratio=True),
    dict(type='Resize', scale=(1120, 1120), keep_ratio=True),
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
optim_wrapper = dict(optimizer=dict(lr=0.004))
log_processor = dict(by_epoch=True)
