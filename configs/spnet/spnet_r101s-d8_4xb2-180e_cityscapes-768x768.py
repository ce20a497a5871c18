"""SPNet, ResNet-101 with the authors' stem, Cityscapes, 768 x 768 crops.

Run:     bash tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; paper: 82.0 on the test set, according to third-party lists and
         issue 1 of the code
Source:  same as spnet_r50s-d8_4xb2-180e_cityscapes-768x768, with this backbone
Differs: same as there
"""

_base_ = [
    '../_base_/models/spnet_r50-d8.py',
    '../_base_/datasets/cityscapes-blur_768x768.py',
    '../_base_/schedules/schedule_180e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        depth=101,
        stem_channels=128,
        init_cfg=dict(checkpoint='checkpoints/resnet101s.pth', prefix='backbone.'),
    ),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(512, 512)),
)
optim_wrapper = dict(optimizer=dict(lr=0.005))
log_processor = dict(by_epoch=True)
