"""FCN-32s, VGG13 with a quarter of the channels, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  mIoU 46.6, mean of seeds 0, 1, 2; paper: no result on these scenes
Source:  ours, same as fcn-8s_vgg13-slim_1xb8-400_scenes-192x256
Differs: same as there; no skips
"""

_base_ = './fcn-8s_vgg13-slim_1xb8-400_scenes-192x256.py'
model = dict(decode_head=dict(in_channels=[128], in_index=[2], strides=[32]))
