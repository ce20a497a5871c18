"""FCN-16s, VGG16, Pascal VOC 2012 (aug), the authors' recipe: stage 2 of 3.

Run:     python tools/train.py <this file>, after stage 1 (fcn-32s)
Result:  not measured; paper: 65.0 mIoU on seg11valid (authors' README)
Source:  shelhamer/fcn.berkeleyvision.org, voc-fcn16s/{net.py,solver.prototxt,solve.py}
Differs: trained on VOC 2012 train and SBD (10582 images), not on SBD train (8498);
         validated on VOC 2012 val (1449), not on seg11valid (736); random order and
         dropout of PyTorch
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
env_cfg = dict(cudnn_benchmark=False)  # every image has a size of its own
