"""SPNet, ResNet-50 of the authors' deep stem, Pascal Context, 480 x 480 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; the authors' code: none for this data
Source:  houqb/SPNet has no code for this data; batch, lr and epochs of PyTorch-
         Encoding's option.py, with which the paper's numbers were made (its README);
         auxiliary weight 0.4, rotation and blur as SPNet's on ADE20K
Differs: as far as can be told: logits, not probabilities, averaged over windows; no
         mirror in the single-scale test
"""

_base_ = [
    '../_base_/models/spnet_r50s-d8.py',
    '../_base_/datasets/pascal_context_59-blur_480x480.py',
    '../_base_/schedules/schedule_80e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=59),
    auxiliary_head=dict(num_classes=59),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(320, 320)),
)
log_processor = dict(by_epoch=True)
