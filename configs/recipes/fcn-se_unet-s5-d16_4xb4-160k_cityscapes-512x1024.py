"""The SE-loss beside a U-Net's stock head, Cityscapes, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with U-Net
Source:  mmseg's unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024 for all but the SE-loss,
         whose weight 0.2 and 32 codewords are EncNet's
Differs: from the host's config: PresenceHead on the deepest level in place of the
         auxiliary FCNHead
"""

_base_ = [
    '../_base_/models/segmentor_sync-bn.py',
    '../_base_/datasets/cityscapes.py',
    '../_base_/schedules/schedule_160k.py',
    '../_base_/default_runtime.py',
]
norm_cfg = dict(type='BN')
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
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
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
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
)
train_dataloader = dict(batch_size=4, num_workers=4)
