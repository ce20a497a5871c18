"""STDC1 of mmseg from random weights, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 32.8 on test after 300 s of one CPU core, mean of three seeds;
         docs/results.md has the conditions; paper: no result with this recipe
Source:  ours: the recipe of dfanet_xception-a_1xb4-500_camvid-240x320
Differs: from mmseg's config: the losses; no auxiliary heads
"""

_base_ = [
    '../_base_/datasets/camvid_240x320.py',
    '../_base_/schedules/schedule_adamw_500.py',
    '../_base_/default_runtime.py',
]
norm_cfg = dict(type='SyncBN', requires_grad=True)
loss = dict(
    type='mmseg_plugins.CrossEntropyLoss',
    avg_non_ignore=True,
    class_weight=_base_.class_weight,
)
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
        loss_decode=loss,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))))
