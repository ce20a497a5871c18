"""SPNet's head on ResNet-50, trained on CamVid's train and val, enlarged twice.

Run:     python tools/study.py <this file>
Result:  mIoU 69.0 on test after 370 s of a shared H100, seed 0; docs/results.md
         has the conditions; paper: no result with this recipe
Source:  ours, same as spnet-presence_r50-fpn_1xb8-4k_camvid-540x720
Differs: same as there; the validation images are trained on, so only the result on test
         counts
"""

_base_ = [
    '../_base_/models/spnet_r50-fpn.py',
    '../_base_/datasets/camvid-enlarged_540x720.py',
    '../_base_/schedules/schedule_adamw_4k.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=dict(size=_base_.crop_size))
train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[_base_.dataset_train, _base_.dataset_val],
    ),
)
optim_wrapper = dict(
    optimizer=dict(lr=6e-4, weight_decay=0.03),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.4))),
)
default_hooks = dict(layout=dict(type='mmseg_plugins.ChannelsLastHook'))
