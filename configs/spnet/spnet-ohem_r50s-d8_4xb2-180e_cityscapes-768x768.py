"""SPNet with OHEM, ResNet-50 with the authors' stem, Cityscapes, 768 x 768 crops.

Run:     bash tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; the authors' code: no result published with OHEM
Source:  same as spnet_r50s-d8_4xb2-180e_cityscapes-768x768; 0.7 and 100 000 are from
         util/loss.py, which later versions of the code do not use
Differs: same as there; mmseg keeps at least 100 000 pixels of each image instead of
         each batch, and divides the loss by all labelled pixels instead of those kept;
         no class weights; no OHEM in the auxiliary head
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
    decode_head=dict(
        sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=100000)
    ),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(512, 512)),
)
optim_wrapper = dict(optimizer=dict(lr=0.005))
log_processor = dict(by_epoch=True)
