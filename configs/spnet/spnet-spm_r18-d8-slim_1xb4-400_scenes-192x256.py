"""SPNet with SPMs and no MPMs, slim ResNet-18, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  mIoU 69.9, mean of seeds 0, 1, 2; paper: no result on these scenes
Source:  ours, same as spnet_r18-d8-slim_1xb4-400_scenes-192x256
Differs: same as there; no MPMs, so no square pools
"""

_base_ = './spnet_r18-d8-slim_1xb4-400_scenes-192x256.py'
model = dict(decode_head=dict(num_modules=0))
