"""FCN-8s, VGG16, Pascal VOC 2012 (aug), trained at once with the mean of the loss.

Run:     python tools/train.py <this file>
Result:  not measured; paper: 65.4 mIoU on seg11valid, with the sum (authors' README)
Source:  shelhamer/fcn.berkeleyvision.org, voc-fcn8s-atonce/net.py, solver.prototxt and
         solve.py
Differs: mean over the labelled pixels instead of their sum: 1e-10 times the 1.8e5
         pixels of a VOC image is 1.8e-5, and momentum 0.9 instead of 0.99 makes it
         1.8e-4; a weight decay of 5e-4 / 1.8e5 is next to nothing, here 0; small images
         weigh as much as large ones. Trained on VOC 2012 train and SBD (10582 images),
         not on SBD train (8498); validated on VOC 2012 val (1449), not on seg11valid
         (736); random order and dropout of PyTorch
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16-pad100.py',
    '../_base_/datasets/pascal_voc12_aug-whole.py',
    '../_base_/schedules/schedule_fcn_100k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    # Made as in the config of FCN-32s.
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/vgg16_caffe.pth')
    ),
    decode_head=dict(skip_scales=[0.0001, 0.01], loss_decode=dict(reduction='mean')),
)
optim_wrapper = dict(optimizer=dict(lr=1.8e-4, momentum=0.9, weight_decay=0.0))
train_cfg = dict(max_iters=300000)
env_cfg = dict(cudnn_benchmark=False)  # every image has a size of its own
