"""EncNet, ResNet-50, CamVid, 360 x 480 crops.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on CamVid
Source:  the training of PyTorch-Encoding's Pascal sets: batch 16, lr 0.001, heads
         at ten times the rate, auxiliary and SE weight 0.2
Differs: 20 000 iterations of an endless sampler, which has no last batch; stem of
         32, 32 and 64 channels, whose ImageNet weights the host downloads; rotation of
         up to 10 degrees as in the paper
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/camvid_360x480.py',
    '../_base_/schedules/schedule_20k.py',
    '../_base_/default_runtime.py',
]
crop_size = (360, 480)
model = dict(
    data_preprocessor=dict(size=crop_size),
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmseg_plugins.LoadLabels', num_classes=11),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize', scale=(480, 360), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    # Pad's size is (width, height), RandomCrop's (height, width)
    dict(type='Pad', size=(480, 360), pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(
    optimizer=dict(lr=0.001, weight_decay=0.0001),
    paramwise_cfg=dict(
        custom_keys=dict(
            decode_head=dict(lr_mult=10.0), auxiliary_head=dict(lr_mult=10.0)
        )
    ),
)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=20000, by_epoch=False)]
