"""EncNet, ResNet-101 of the authors' deep stem, ADE20K, 576 x 576 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/encnet.md, "Weights"
Result:  not measured; the authors' code, multi-scale: 44.4 (its model zoo page)
Source:  as encnet_r50s-d8_4xb4-180e_ade20k-480x480
Differs: as there
"""

_base_ = './encnet_r50s-d8_4xb4-180e_ade20k-480x480.py'
crop_size = (576, 576)
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(depth=101, init_cfg=dict(checkpoint='checkpoints/resnet101s.pth')),
    test_cfg=dict(crop_size=crop_size, stride=(384, 384)),
)
train_pipeline = [
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
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(640, 640), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
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
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_rest]),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
