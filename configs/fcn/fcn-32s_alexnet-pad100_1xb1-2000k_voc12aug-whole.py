"""FCN-AlexNet (32s, CaffeNet), Pascal VOC 2012 (aug), the authors' recipe.

Run:     python tools/train.py <this file>
Result:  not measured; paper: 48.0 mIoU on seg11valid (authors' README)
Source:  shelhamer/fcn.berkeleyvision.org, voc-fcn-alexnet/net.py, solver.prototxt and
         solve.py: 100000 steps of 20 images, here 2000000 iterations of one image
Differs: same as fcn-8s_vgg16-pad100_1xb1-100k_voc12aug-whole
"""

_base_ = [
    '../_base_/models/fcn-32s_alexnet-pad100.py',
    '../_base_/datasets/pascal_voc12_aug-whole.py',
    '../_base_/schedules/schedule_fcn_100k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    # python tools/convert.py caffenet bvlc_reference_caffenet.caffemodel \
    #     checkpoints/caffenet.pth
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/caffenet.pth')
    )
)
optim_wrapper = dict(
    optimizer=dict(lr=1e-4, momentum=0.9),
    accumulative_counts=20,
    # Only the bias of the score layer. The other biases learn and decay like weights.
    paramwise_cfg=dict(
        _delete_=True,
        custom_keys={'conv_seg.bias': dict(lr_mult=2.0, decay_mult=0.0)},
    ),
)
train_cfg = dict(max_iters=2_000_000, val_interval=80_000)
default_hooks = dict(checkpoint=dict(interval=80_000))
env_cfg = dict(cudnn_benchmark=False)  # every image has another size
