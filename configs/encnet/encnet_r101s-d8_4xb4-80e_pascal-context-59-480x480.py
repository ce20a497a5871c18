"""EncNet, ResNet-101 with the authors' stem, Pascal Context, 480 x 480 crops.

Run:     bash tools/dist_train.sh <this file> 4
         ImageNet weights: docs/encnet.md, "Weights"
Result:  not measured; the authors' code, multi-scale: 54.1 (its model zoo page)
Source:  same as encnet_r50s-d8_4xb4-80e_pascal-context-59-480x480
Differs: same as there
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/pascal_context_59-rotate_480x480.py',
    '../_base_/schedules/schedule_80e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        depth=101,
        stem_channels=128,
        init_cfg=dict(checkpoint='checkpoints/resnet101s.pth', prefix='backbone.'),
    ),
    decode_head=dict(num_classes=59, add_lateral=True),
    auxiliary_head=dict(num_classes=59),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(320, 320)),
)
log_processor = dict(by_epoch=True)
