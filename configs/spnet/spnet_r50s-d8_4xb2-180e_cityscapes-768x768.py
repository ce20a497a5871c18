"""SPNet, ResNet-50 of the authors' deep stem, Cityscapes, 768 x 768 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; 79.5, a run of the author (the code's issue 13)
Source:  houqb/SPNet, config/cityscapes and util/transform.py: batch 8, lr, epochs,
         rotation, blur, scales, auxiliary weight 0.4; its files are for ResNet-101
Differs: logits, not probabilities, averaged over windows; no mirror in the single-scale
         test
"""

_base_ = [
    '../_base_/models/spnet_r50s-d8.py',
    '../_base_/datasets/cityscapes-blur_768x768.py',
    '../_base_/schedules/schedule_180e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(512, 512)),
)
optim_wrapper = dict(optimizer=dict(lr=0.005))
log_processor = dict(by_epoch=True)
