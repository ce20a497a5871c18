"""EncNet, ResNet-101, Cityscapes, 768 x 768 crops.

Run:     tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on Cityscapes
Source:  zhanghang1989/PyTorch-Encoding, experiments/segmentation/option.py: batch 16,
         lr, auxiliary and SE weight 0.2; crop: its issue 186
Differs: 40 000 iterations, which are 215 of the code's 240 epochs, of an endless
         sampler, which has no last batch; stem of 32, 32 and 64 channels, whose
         ImageNet weights the host downloads (the authors': 64, 64, 128); rotation of
         up to 10 degrees as in the paper, which the code dropped; multi-scale
         test from 0.5 on
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/cityscapes.py',
    '../_base_/schedules/schedule_40k.py',
    '../_base_/default_runtime.py',
]
crop_size = (768, 768)
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(depth=101, init_cfg=dict(checkpoint='open-mmlab://resnet101_v1c')),
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(512, 512)),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmseg_plugins.LoadLabels', num_classes=19),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize',
        scale=(2048, 1024),
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(
    optimizer=dict(lr=0.004, weight_decay=0.0001),
    paramwise_cfg=dict(
        custom_keys=dict(
            decode_head=dict(lr_mult=10.0), auxiliary_head=dict(lr_mult=10.0)
        )
    ),
)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=40000, by_epoch=False)]
