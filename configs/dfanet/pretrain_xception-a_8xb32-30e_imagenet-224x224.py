"""Xception A as a classifier: ImageNet weights for DFANet-A, crops of 224 x 224.

Run:     bash tools/dist_train.sh <this file> 8
         needs mmpretrain and images in one folder per class; then:
         python tools/convert.py dfanet <checkpoint> <weights>
Result:  not measured; paper: its classifier's accuracy is not reported
Source:  remembered from the paper and not checked: Nesterov momentum 0.9, lr 0.3,
         weight decay 4e-5, batch 256, 224 x 224, 30 epochs; lr, weight decay, batch and
         size are also the defaults of jandylin/DFANet_PyTorch
Differs: linear decay of the learning rate, because the paper's is not known; crops
         cover 8 % of the image or more, the default of mmpretrain
"""

_base_ = [
    '../_base_/models/xception_classifier.py',
    '../_base_/datasets/imagenet_224x224.py',
    '../_base_/schedules/schedule_imagenet_30e.py',
    '../_base_/mmpretrain_runtime.py',
]
