"""FCN-GoogLeNet (32s), Pascal VOC 2012 (aug), 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 42.5 mIoU on VOC 2011 val (CVPR 2015, Table 1)
Source:  mmseg's fcn_r50-d8_4xb4-40k_voc12aug-512x512 for all but the network
Differs: from the paper: weights of bvlc_googlenet instead of the authors' own,
         interpolation instead of a deconvolution, mean loss, augmentation. From mmseg's
         config: lr 0.001 instead of 0.01, because there is no batch norm; not tuned
"""

_base_ = [
    '../_base_/models/fcn-32s_googlenet-caffe.py',
    '../_base_/datasets/pascal_voc12_aug.py',
    '../_base_/schedules/schedule_40k.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=dict(size=(512, 512)))
optim_wrapper = dict(optimizer=dict(lr=0.001))
