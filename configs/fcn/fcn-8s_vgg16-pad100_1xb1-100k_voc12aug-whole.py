"""FCN-8s, VGG16, Pascal VOC 2012 (aug), the authors' recipe: stage 3 of 3.

Run:     python tools/train.py <this file>, after stages 1 (fcn-32s) and 2 (fcn-16s)
Result:  not measured; paper: 65.5 mIoU on seg11valid, 67.2 on seg12test (authors'
         README)
Source:  shelhamer/fcn.berkeleyvision.org, voc-fcn8s/{net.py,solver.prototxt,solve.py}
Differs: trained on VOC 2012 train and SBD (10582 images) instead of SBD train (8498);
         validated on VOC 2012 val (1449 images) instead of seg11valid (736); the random
         order and dropout are PyTorch's
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16-pad100.py',
    '../_base_/datasets/pascal_voc12_aug-whole.py',
    '../_base_/schedules/schedule_fcn_100k.py',
    '../_base_/default_runtime.py',
]
load_from = 'work_dirs/fcn-16s_vgg16-pad100_1xb1-100k_voc12aug-whole/iter_100000.pth'
optim_wrapper = dict(optimizer=dict(lr=1e-14))
env_cfg = dict(cudnn_benchmark=False)  # every image has another size
