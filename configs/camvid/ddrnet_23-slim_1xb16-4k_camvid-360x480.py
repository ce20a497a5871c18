"""DDRNet23-slim of mmseg from random weights, CamVid at 360 x 480.

Run:     python tools/study.py <this file>
Result:  not measured; paper: no result with this recipe
Source:  ours: the recipe of dfanet_xception-a_1xb16-4k_camvid-360x480
Differs: from mmseg's config: the losses, of which its head takes one for each of two
         outputs
"""

_base_ = [
    '../_base_/datasets/camvid_360x480.py',
    '../_base_/schedules/schedule_adamw_4k.py',
    '../_base_/default_runtime.py',
]
norm_cfg = dict(type='SyncBN', requires_grad=True)
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
        type='DDRNet',
        channels=32,
        ppm_channels=128,
        norm_cfg=norm_cfg,
        align_corners=False,
    ),
    decode_head=dict(
        type='DDRHead',
        in_channels=128,
        channels=64,
        dropout_ratio=0.0,
        num_classes=11,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=[
            dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
            dict(
                type='mmseg_plugins.CrossEntropyLoss',
                avg_non_ignore=True,
                loss_weight=0.4,
            ),
        ],
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
train_dataloader = dict(batch_size=16, num_workers=8)
optim_wrapper = dict(
    optimizer=dict(lr=4e-3),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))),
)
