"""FCN-2s, VGG13 with a quarter of the channels, embedded scenes at 192 x 256.

Run:     make demo, or python tools/train.py <this file>
Result:  mIoU 86.2, 85.7, 86.2 with seeds 0, 1, 2; paper: no result on these scenes
Source:  ours, same as fcn-8s_vgg13-slim_1xb8-400_scenes-192x256
Differs: same as there; the finest skip has stride 2, because the scenes are small
"""

_base_ = './fcn-8s_vgg13-slim_1xb8-400_scenes-192x256.py'
model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3, 4)),
    decode_head=dict(
        in_channels=[16, 32, 64, 128, 128],
        in_index=[0, 1, 2, 3, 4],
        strides=[2, 4, 8, 16, 32],
    ),
)
