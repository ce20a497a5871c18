"""Fast-SCNN of mmseg from random weights, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 34.1 on test after 300 s of one CPU core, mean of three seeds;
         docs/results.md has the conditions; paper: no result with this recipe
Source:  ours: the recipe of dfanet_xception-a_1xb4-500_camvid-240x320
Differs: none: a network of mmseg, to compare with
"""

_base_ = [
    '../_base_/models/fast_scnn.py',
    '../_base_/datasets/camvid_240x320.py',
    '../_base_/schedules/schedule_adamw_500.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(
        num_classes=11,
        loss_decode=dict(
            type='mmseg_plugins.CrossEntropyLoss',
            avg_non_ignore=True,
            class_weight=_base_.class_weight,
        ),
    ),
)
# From random weights, the whole network learns at one rate.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))))
