"""DDRNet23-slim of mmseg from random weights, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 32.1 on test after 300 s of one CPU core, mean of three seeds;
         docs/results.md has the conditions; paper: no result with this recipe
Source:  ours: the recipe of dfanet_xception-a_1xb4-500_camvid-240x320
Differs: from mmseg's config: random weights, class weights; hard pixels as there
"""

_base_ = [
    '../_base_/datasets/camvid_240x320.py',
    '../_base_/schedules/schedule_adamw_500.py',
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
        # The only loss that this head can use where pixels are ignored.
        loss_decode=[
            dict(
                type='OhemCrossEntropy',
                thres=0.9,
                min_kept=131072,
                class_weight=_base_.class_weight,
            ),
            dict(
                type='OhemCrossEntropy',
                thres=0.9,
                min_kept=131072,
                class_weight=_base_.class_weight,
                loss_weight=0.4,
            ),
        ],
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))))
