"""A linear probe on a frozen DINOv2 ViT-S/14, ADE20K, 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
         needs timm, whose version in the tests is in constraints-mmpretrain.txt
Result:  not measured; paper: no result with these settings
Source:  the config of DINOv2's linear heads on ADE20K for the schedule
Differs: from DINOv2's linear head: each cell is normalised over its channels, instead
         of BatchNorm; the test uses whole images
"""

_base_ = [
    '../_base_/models/dinov2-s14.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_adamw_40k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    decode_head=dict(
        type='FCNHead',
        in_channels=384,
        in_index=3,
        channels=384,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0.0,
        num_classes=150,
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
)
