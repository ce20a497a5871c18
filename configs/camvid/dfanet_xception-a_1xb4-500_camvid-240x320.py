"""DFANet-A from random weights, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 29.0 on test, seed 0; docs/results.md has the conditions; paper: no result
         with this recipe
Source:  ours: one recipe for networks without pretrained weights
Differs: from the paper's recipe: no ImageNet weights, AdamW, class weights, batch 4
"""

_base_ = [
    '../_base_/models/dfanet-a.py',
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
