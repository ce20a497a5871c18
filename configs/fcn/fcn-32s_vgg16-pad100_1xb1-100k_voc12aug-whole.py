"""FCN-32s, VGG16, Pascal VOC 2012 (aug), the authors' recipe: stage 1 of 3.

Run:     python tools/train.py <this file>
Result:  not measured; paper: 63.6 mIoU on seg11valid (authors' README)
Source:  shelhamer/fcn.berkeleyvision.org, voc-fcn32s/{net.py,solver.prototxt,solve.py}
Differs: as the third stage, fcn-8s_vgg16-pad100_1xb1-100k_voc12aug-whole
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16-pad100_imagenet.py',
    '../_base_/datasets/pascal_voc12_aug-whole.py',
    '../_base_/schedules/schedule_fcn_100k.py',
    '../_base_/default_runtime.py',
]
model = dict(decode_head=dict(in_channels=[4096], in_index=[2], strides=[32]))
env_cfg = dict(cudnn_benchmark=False)  # every image has a size of its own
