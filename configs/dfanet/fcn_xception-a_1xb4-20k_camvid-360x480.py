"""FCNHead of mmseg on Xception A alone, fine-tuned with batches of 4, CamVid.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on this data
Source:  mmseg's fcn_r50-d8 for the head, mmseg's 20k schedule
Differs: from mmseg: ImageNet weights of pretrain_xception-a_8xb32-30e_imagenet-224x224,
         not converted; batch norm uses their statistics, conv1 is frozen; no auxiliary
         head; the FC attention, which the classifier lacks, starts at 1; not tuned
"""

_base_ = [
    '../_base_/datasets/camvid-scale_360x480.py',
    '../_base_/schedules/schedule_20k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        size=_base_.crop_size,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    ),
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
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
train_dataloader = dict(batch_size=4, num_workers=2)
