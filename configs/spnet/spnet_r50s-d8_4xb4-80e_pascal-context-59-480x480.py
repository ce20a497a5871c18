"""SPNet, ResNet-50 with the authors' stem, Pascal Context, 480 x 480 crops.

Run:     bash tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; the authors' code: none for this data set
Source:  houqb/SPNet has no code for this data set. Batch, lr and epochs of option.py in
         PyTorch-Encoding, with which the paper's numbers were made (README of SPNet);
         auxiliary weight 0.4, rotation and blur as in SPNet's code for ADE20K
Differs: as far as one can tell: logits instead of probabilities are averaged over
         windows; the single-scale test does not flip the image
"""

_base_ = [
    '../_base_/models/spnet_r50-d8.py',
    '../_base_/datasets/pascal_context_59-blur_480x480.py',
    '../_base_/schedules/schedule_80e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        stem_channels=128,
        init_cfg=dict(checkpoint='checkpoints/resnet50s.pth', prefix='backbone.'),
    ),
    decode_head=dict(num_classes=59),
    auxiliary_head=dict(num_classes=59),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(320, 320)),
)
log_processor = dict(by_epoch=True)
