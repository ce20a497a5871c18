"""SPNet's head with its MPMs on MiT-B0 of SegFormer, ADE20K, 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with MiT
Source:  mmseg's segformer_mit-b0_8xb2-160k_ade20k-512x512 for all but the head
Differs: from mmseg's config: StripPoolingHead, with a quarter of the paper's channels,
         on the last level instead of SegformerHead on all four
"""

_base_ = [
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_adamw_160k.py',
    '../_base_/default_runtime.py',
]
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
    backbone=dict(
        type='MixVisionTransformer',
        embed_dims=32,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/mit_b0_20220624-7e0fe6dd.pth',
        ),
    ),
    decode_head=dict(
        type='mmseg_plugins.StripPoolingHead',
        in_channels=256,
        in_index=3,
        reduce_channels=256,
        channels=128,
        num_classes=150,
        # With several processes, sync_bn turns BN into SyncBN.
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
