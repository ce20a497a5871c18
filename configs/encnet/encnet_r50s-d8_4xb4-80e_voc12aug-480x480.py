"""EncNet, ResNet-50 of the authors' deep stem, Pascal VOC 2012 aug, 480 x 480 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/encnet.md, "Weights"
Result:  not measured; the authors' code: none with this backbone (its model zoo page)
Source:  zhanghang1989/PyTorch-Encoding, experiments/segmentation/option.py and
         encoding/models: batch 16, lr, epochs, scales, auxiliary and SE weight 0.2
Differs: rotation of up to 10 degrees as in the paper, which the code dropped; padding
         is ignored, where the code takes it for background; windows of the image, not
         of its padding, at test; probabilities averaged over scales of the image
         instead of products over scales of 520 pixels; no COCO, no last training on
         VOC's own annotations
"""

_base_ = [
    '../_base_/models/encnet_r50s-d8.py',
    '../_base_/datasets/pascal_voc12_aug-rotate_480x480.py',
    '../_base_/schedules/schedule_80e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=21, add_lateral=True),
    auxiliary_head=dict(num_classes=21),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(320, 320)),
)
log_processor = dict(by_epoch=True)
