"""STDC1 of mmseg from random weights, CamVid at 360 x 480.

Run:     python tools/study.py <this file>
Result:  not measured; paper: no result with this recipe
Source:  ours: the recipe of dfanet_xception-a_1xb16-4k_camvid-360x480
Differs: from mmseg's config: the losses; no auxiliary heads
"""

_base_ = [
    '../_base_/datasets/camvid_360x480.py',
    '../_base_/schedules/schedule_adamw_4k.py',
    '../_base_/default_runtime.py',
]
norm_cfg = dict(type='SyncBN', requires_grad=True)
losses = [
    dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    dict(
        type='LovaszLoss',
        loss_type='multi_class',
        reduction='none',
        loss_weight=0.5,
    ),
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
        type='STDCContextPathNet',
        backbone_cfg=dict(
            type='STDCNet',
            stdc_type='STDCNet1',
            in_channels=3,
            channels=(32, 64, 256, 512, 1024),
            bottleneck_type='cat',
            num_convs=4,
            norm_cfg=norm_cfg,
            act_cfg=dict(type='ReLU'),
            with_final_conv=False,
        ),
        last_in_channels=(1024, 512),
        out_channels=128,
        ffm_cfg=dict(
            in_channels=384, out_channels=256, scale_factor=4, norm_cfg=norm_cfg
        ),
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=256,
        in_index=3,
        channels=256,
        num_convs=1,
        concat_input=False,
        num_classes=11,
        dropout_ratio=0.1,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=losses,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
train_dataloader = dict(batch_size=16, num_workers=8)
optim_wrapper = dict(
    optimizer=dict(lr=4e-3),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))),
)
