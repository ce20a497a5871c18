"""FCN head of stock mmseg on Xception A alone, fine-tuned in batches of 4, CamVid.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on this data
Source:  mmseg's fcn_r50-d8 for the head, its 20k schedule
Differs: ImageNet weights of pretrain_xception-a_8xb32-30e_imagenet-224x224, as they
         are; batch norm keeps their statistics, conv1 is frozen; no auxiliary head; the
         FC attention, which no classifier has, begins at 1; not tuned
"""

_base_ = [
    '../_base_/models/segmentor.py',
    '../_base_/datasets/camvid-scale_360x480.py',
    '../_base_/schedules/schedule_20k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        type='mmseg_plugins.XceptionA',
        out_indices=(3,),
        frozen_stages=1,
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/xception_a_imagenet.pth',
            prefix='backbone.',
        ),
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=192,
        in_index=0,
        channels=64,
        num_convs=2,
        concat_input=True,
        dropout_ratio=0.1,
        num_classes=11,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
train_dataloader = dict(batch_size=4, num_workers=2)
