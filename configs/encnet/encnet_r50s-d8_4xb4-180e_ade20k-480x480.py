"""EncNet, ResNet-50 with the authors' stem, ADE20K, 480 x 480 crops.

Run:     bash tools/dist_train.sh <this file> 4
         ImageNet weights: docs/encnet.md, "Weights"
Result:  not measured; the authors' code, multi-scale: 41.5 (its model zoo page)
Source:  zhanghang1989/PyTorch-Encoding, experiments/segmentation/option.py and
         encoding/models: batch 16, lr, epochs, scales, auxiliary and SE weight 0.2
Differs: rotation by up to 10 degrees as in the paper, which the code dropped; the test
         uses windows of the image, not of its padding; probabilities of the scales are
         averaged, not multiplied
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/ade20k-rotate_480x480.py',
    '../_base_/schedules/schedule_180e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        stem_channels=128,
        init_cfg=dict(checkpoint='checkpoints/resnet50s.pth', prefix='backbone.'),
    ),
    decode_head=dict(num_classes=150),
    auxiliary_head=dict(num_classes=150),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(320, 320)),
)
optim_wrapper = dict(optimizer=dict(lr=0.004))
log_processor = dict(by_epoch=True)
