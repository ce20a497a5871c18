"""FCN-8s, ResNet-50, Cityscapes, 769 x 769 crops, aligned corners.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with ResNet
Source:  mmseg's fcn_r50-d8_4xb2-80k_cityscapes-769x769 for all but the network
Differs: same as fcn-8s_r50_4xb2-80k_cityscapes-512x1024
"""

_base_ = [
    '../_base_/models/fcn-8s_r50.py',
    '../_base_/datasets/cityscapes_769x769.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    # ResNet centres cell i at pixel 32 * i. With 32 * n + 1 pixels the corners align.
    decode_head=dict(align_corners=True),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(513, 513)),
)
