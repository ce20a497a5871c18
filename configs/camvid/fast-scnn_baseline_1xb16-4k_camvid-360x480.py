"""Fast-SCNN of mmseg from random weights, CamVid at 360 x 480.

Run:     python tools/study.py <this file>
Result:  mIoU 45.6 on test after 190 s of a shared H100, seed 0; docs/results.md
         has the conditions; paper: no result with this recipe
Source:  ours: the recipe of dfanet_xception-a_1xb16-4k_camvid-360x480
Differs: none: a network of mmseg, to compare with
"""

_base_ = [
    '../_base_/models/fast_scnn.py',
    '../_base_/datasets/camvid_360x480.py',
    '../_base_/schedules/schedule_adamw_4k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(
        num_classes=11,
        loss_decode=[
            dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
            dict(
                type='LovaszLoss',
                loss_type='multi_class',
                reduction='none',
                loss_weight=0.5,
            ),
        ],
    ),
)
train_dataloader = dict(batch_size=16, num_workers=8)
# From random weights, the whole network learns at one rate.
optim_wrapper = dict(
    optimizer=dict(lr=4e-3),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))),
)
