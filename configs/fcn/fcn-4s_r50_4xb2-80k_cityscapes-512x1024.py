"""FCN-4s, ResNet-50, Cityscapes, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with ResNet, none at stride 4
Source:  same as fcn-8s_r50_4xb2-80k_cityscapes-512x1024
Differs: same as there; one more skip, with stride 4
"""

_base_ = './fcn-8s_r50_4xb2-80k_cityscapes-512x1024.py'
model = dict(
    decode_head=dict(
        in_channels=[256, 512, 1024, 2048],
        in_index=[0, 1, 2, 3],
        strides=[4, 8, 16, 32],
    ),
)
