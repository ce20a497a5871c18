"""EncNet, ResNet-50 of the authors' deep stem, Pascal Context, 480 x 480 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/encnet.md, "Weights"
Result:  not measured; the authors' code, multi-scale: 51.0 (its model zoo page)
Source:  zhanghang1989/PyTorch-Encoding, experiments/segmentation/option.py and
         encoding/models: batch 16, lr, epochs, scales, auxiliary and SE weight 0.2
Differs: rotation of up to 10 degrees as in the paper, which the code dropped; windows
         of the image, not of its padding, at test; probabilities averaged over scales
         of the image instead of products over scales of 520 pixels
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/pascal_context_59.py',
    '../_base_/schedules/schedule_80e.py',
    '../_base_/default_runtime.py',
]
crop_size = (480, 480)
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(
        stem_channels=128,
        init_cfg=dict(checkpoint='checkpoints/resnet50s.pth', prefix='backbone.'),
    ),
    decode_head=dict(num_classes=59, add_lateral=True),
    auxiliary_head=dict(num_classes=59),
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(320, 320)),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmseg_plugins.LoadLabels', num_classes=59, reduce_zero_label=True),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize', scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline),
)
log_processor = dict(by_epoch=True)
