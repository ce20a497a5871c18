"""SPNet, ResNet-50 with the authors' stem, ADE20K, 480 x 480 crops.

Run:     bash tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; the authors' code: no result published with it
Source:  houqb/SPNet, config/ade20k and util/transform.py: batch 16, lr, epochs,
         rotation, blur, scales, auxiliary weight 0.4
Differs: images are resized to a short side of 512 before the random scale, which the
         code applies to the images as they are; logits instead of probabilities are
         averaged over windows; the single-scale test does not flip the image
"""

_base_ = [
    '../_base_/models/spnet_r50-d8.py',
    '../_base_/datasets/ade20k-blur_480x480.py',
    '../_base_/schedules/schedule_120e.py',
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
optim_wrapper = dict(optimizer=dict(lr=0.01))
log_processor = dict(by_epoch=True)
