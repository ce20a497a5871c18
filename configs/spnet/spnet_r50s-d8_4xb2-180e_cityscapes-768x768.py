"""SPNet, ResNet-50 with the authors' stem, Cityscapes, 768 x 768 crops.

Run:     bash tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; 79.5, a run of the author (issue 13 of the code)
Source:  houqb/SPNet, config/cityscapes and util/transform.py: batch 8, lr, epochs,
         rotation, blur, scales, auxiliary weight 0.4; its files are for ResNet-101
Differs: logits instead of probabilities are averaged over windows; the single-scale
         test does not flip the image
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
        stem_channels=128,
        init_cfg=dict(checkpoint='checkpoints/resnet50s.pth', prefix='backbone.'),
    ),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(512, 512)),
)
optim_wrapper = dict(optimizer=dict(lr=0.005))
log_processor = dict(by_epoch=True)
