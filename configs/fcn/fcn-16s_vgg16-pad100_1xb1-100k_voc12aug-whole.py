"""FCN-16s, VGG16, Pascal VOC 2012 (aug), the authors' recipe: stage 2 of 3.

Run:     python tools/train.py <this file>, after stage 1 (fcn-32s)
Result:  not measured; paper: 65.0 mIoU on seg11valid (authors' README)
Source:  shelhamer/fcn.berkeleyvision.org, voc-fcn16s/{net.py,solver.prototxt,solve.py}
Differs: same as stage 3, fcn-8s_vgg16-pad100_1xb1-100k_voc12aug-whole
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16-pad100.py',
    '../_base_/datasets/pascal_voc12_aug-whole.py',
    '../_base_/schedules/schedule_fcn_100k.py',
    '../_base_/default_runtime.py',
]
load_from = 'work_dirs/fcn-32s_vgg16-pad100_1xb1-100k_voc12aug-whole/iter_100000.pth'
model = dict(
    decode_head=dict(in_channels=[512, 4096], in_index=[1, 2], strides=[16, 32])
)
optim_wrapper = dict(optimizer=dict(lr=1e-12))
env_cfg = dict(cudnn_benchmark=False)  # every image has another size
