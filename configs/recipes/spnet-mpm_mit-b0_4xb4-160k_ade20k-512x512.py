"""SPNet's head, mixed pooling modules, on Segformer's MiT-B0, ADE20K, 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with MiT
Source:  mmseg's segformer_mit-b0_8xb2-160k_ade20k-512x512 for all but the head
Differs: from the host's config: StripPoolingHead, of a quarter of the paper's channels,
         on the last level in place of SegformerHead on all four
"""

_base_ = [
    '../_base_/models/segmentor_sync-bn.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_adamw_160k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
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
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
