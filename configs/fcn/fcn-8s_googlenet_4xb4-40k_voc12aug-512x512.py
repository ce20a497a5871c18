"""FCN-8s, GoogLeNet with batch norm, Pascal VOC 2012 (aug), 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; the paper has no skips on GoogLeNet
Source:  mmseg's fcn_r50-d8_4xb4-40k_voc12aug-512x512 for all but the network
Differs: from the paper: torchvision's GoogLeNet instead of the plain one, skips from
         the last maps of strides 8 and 16, all strides trained in a single stage, mean
         loss, augmentation
"""

_base_ = [
    '../_base_/models/fcn-8s_googlenet.py',
    '../_base_/datasets/pascal_voc12_aug.py',
    '../_base_/schedules/schedule_40k.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=dict(size=(512, 512)))
