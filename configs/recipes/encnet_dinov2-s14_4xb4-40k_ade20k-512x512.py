"""EncNet's head on a frozen DINOv2 ViT-S/14, ADE20K, 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
         needs timm, whose version in the tests is in constraints-mmpretrain.txt
Result:  not measured; paper: no result with this head
Source:  the config of DINOv2's linear heads on ADE20K for the schedule
Differs: from DINOv2's linear head: EncHead with half of the paper's channels, on the
         last level
"""

_base_ = [
    '../_base_/models/dinov2-s14.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_adamw_40k.py',
    '../_base_/default_runtime.py',
]
sync_bn = 'torch'
model = dict(
    decode_head=dict(
        type='mmseg_plugins.EncHead',
        in_channels=[384],
        in_index=[3],
        channels=256,
        num_codes=32,
        dropout_ratio=0.1,
        num_classes=150,
        # With several processes, sync_bn turns BN into SyncBN.
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
        loss_se_decode=dict(type='mmseg_plugins.SELoss', loss_weight=0.2),
    ),
)
