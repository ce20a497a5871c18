"""EncNet, ResNet-50, Cityscapes, 768 x 768 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on Cityscapes
Source:  zhanghang1989/PyTorch-Encoding, experiments/segmentation/option.py: batch 16,
         lr, auxiliary and SE weight 0.2; crop: its issue 186
Differs: 40 000 iterations, which are 215 of the code's 240 epochs, of an endless
         sampler, which has no last batch; stem of 32, 32 and 64 channels, whose
         ImageNet weights mmengine downloads (the authors' stem: 64, 64, 128); rotation
         by up to 10 degrees as in the paper, which the code dropped; the multi-scale
         test starts at 0.5
"""

_base_ = [
    '../_base_/models/encnet_r50-d8.py',
    '../_base_/datasets/cityscapes-rotate_768x768.py',
    '../_base_/schedules/schedule_encnet_40k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(512, 512)),
)
