"""EncNet, ResNet-50 of the authors' deep stem, ADE20K, 480 x 480 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/encnet.md, "Weights"
Result:  not measured; the authors' code, multi-scale: 41.5 (its model zoo page)
Source:  zhanghang1989/PyTorch-Encoding, experiments/segmentation/option.py and
         encoding/models: batch 16, lr, epochs, scales, auxiliary and SE weight 0.2
Differs: rotation of up to 10 degrees as in the paper, which the code dropped; windows
         of the image, not of its padding, at test; probabilities averaged over scales
         instead of products
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/ade20k.py',
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
    decode_head=dict(num_classes=150),
    auxiliary_head=dict(num_classes=150),
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(320, 320)),
)
load_labels = dict(
    type='mmseg_plugins.LoadLabels', num_classes=150, reduce_zero_label=True
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    load_labels,
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize', scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(520, 520), keep_ratio=True),
    # after Resize: the prediction is compared at the size of the annotation
    load_labels,
    dict(type='PackSegInputs'),
]
# ADE20K's images are of many sizes: the scales are those of the long side.
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=(260, 260), keep_ratio=True),
                dict(type='Resize', scale=(390, 390), keep_ratio=True),
                dict(type='Resize', scale=(520, 520), keep_ratio=True),
                dict(type='Resize', scale=(650, 650), keep_ratio=True),
                dict(type='Resize', scale=(780, 780), keep_ratio=True),
                dict(type='Resize', scale=(910, 910), keep_ratio=True),
            ],
            [
                dict(type='RandomFlip', prob=0.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
            ],
            [load_labels],
            [dict(type='PackSegInputs')],
        ],
    ),
]
train_dataloader = dict(
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=0.004))
param_scheduler = [
    dict(type='PolyLR', power=0.9, begin=0, end=180, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=180)
log_processor = dict(by_epoch=True)
