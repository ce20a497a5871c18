"""FCN-8s, VGG16 with 512 channels in fc6 and fc7, CamVid at 180 x 240, 300 iterations.

Run:     python tools/train.py <this file>
Result:  mIoU 51.0 and 50.9 in two runs, test split; paper: no result on CamVid
Source:  ours: a training on real data that a CPU finishes in minutes
Differs: from the paper: images at half size, slim fc6 and fc7, conv1 and conv2 frozen,
         mean loss, batch 4, AdamW
"""

_base_ = './fcn-8s_vgg16_1xb4-20k_camvid-360x480.py'
crop_size = (180, 240)
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(fc_channels=512, frozen_stages=2),
    decode_head=dict(in_channels=[256, 512, 512]),
)
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(type='Resize', scale=(240, 180)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(240, 180)),
    # After Resize: predictions are compared at the size of the annotation file.
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
tta_scales = [
    dict(type='Resize', scale=(180, 135)),
    dict(type='Resize', scale=(240, 180)),
    dict(type='Resize', scale=(300, 225)),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_after_resize]),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-4, weight_decay=0.0005),
)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=300, by_epoch=False)]
train_cfg = dict(max_iters=300, val_interval=300)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=100))
