"""Xception B as a classifier: ImageNet weights for DFANet-B, crops of 224 x 224.

Run:     bash tools/dist_train.sh <this file> 8
Result:  not measured; paper: its classifier's accuracy is not reported
Source:  recollection of the paper, not checked against it: Nesterov momentum 0.9, lr
         0.3, weight decay 4e-5, batch 256, 224 x 224, 30 epochs; the same lr, decay,
         batch and size are the defaults of jandylin/DFANet_PyTorch
Differs: the rate falls in a line, as its decay is not known; crops of 8 % of the image
         and more, mmpretrain's default. Images in folders, one per class; needs
         mmpretrain, then: python tools/convert.py dfanet <checkpoint> <weights>
"""

_base_ = [
    '../_base_/models/xception_classifier.py',
    '../_base_/datasets/imagenet_224x224.py',
    '../_base_/schedules/schedule_imagenet_30e.py',
    '../_base_/mmpretrain_runtime.py',
]
model = dict(backbone=dict(type='mmseg_plugins.XceptionB'), head=dict(in_channels=128))
