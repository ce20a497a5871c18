"""PSPNet's head instead of SPNet's, slim ResNet-18, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  mIoU 68.3, mean of seeds 0, 1, 2; paper: no result on these scenes
Source:  ours, same as spnet_r18-d8-slim_1xb4-400_scenes-192x256
Differs: same as there; PSPNet's head, no SPMs
"""

_base_ = './spnet_r18-d8-slim_1xb4-400_scenes-192x256.py'
model = dict(
    backbone=dict(spm_blocks=([], [], [], [])),
    decode_head=dict(
        _delete_=True,
        type='PSPHead',
        in_channels=128,
        in_index=3,
        channels=64,
        pool_scales=(1, 2, 3, 6),
        dropout_ratio=0.1,
        num_classes=12,
        norm_cfg=dict(type='BN', requires_grad=True),
        align_corners=True,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
)
