"""Xception B as a classifier: ImageNet weights for DFANet-B, crops of 224 x 224.

Run:     bash tools/dist_train.sh <this file> 8
Result:  not measured; paper: its classifier's accuracy is not reported
Source:  same as pretrain_xception-a_8xb32-30e_imagenet-224x224
Differs: same as there
"""

_base_ = './pretrain_xception-a_8xb32-30e_imagenet-224x224.py'
model = dict(backbone=dict(type='mmseg_plugins.XceptionB'), head=dict(in_channels=128))
