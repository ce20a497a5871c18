"""The SE loss of EncNet beside the FCNHead of U-Net, Cityscapes, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with U-Net
Source:  mmseg's unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024 for all but the SE loss;
         EncNet for its weight of 0.2 and 32 codewords
Differs: from mmseg's config: PresenceHead on the deepest level instead of the auxiliary
         FCNHead
"""

_base_ = [
    '../_base_/datasets/cityscapes.py',
    '../_base_/schedules/schedule_160k.py',
    '../_base_/default_runtime.py',
]
# Plain BN, so that one process can train the model on a CPU. With several processes,
# sync_bn turns it into SyncBN.
norm_cfg = dict(type='BN')
sync_bn = 'torch'
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
    backbone=dict(type='UNet', norm_cfg=norm_cfg),
    decode_head=dict(
        type='FCNHead',
        in_channels=64,
        in_index=4,
        channels=64,
        num_convs=1,
        concat_input=False,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    auxiliary_head=dict(
        type='mmseg_plugins.PresenceHead',
        in_channels=1024,
        in_index=0,
        channels=256,
        num_codes=32,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.SELoss', loss_weight=0.2),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
train_dataloader = dict(batch_size=4, num_workers=4)
