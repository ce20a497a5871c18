"""SPNet with two MPMs and no SPMs, slim ResNet-18, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  mIoU 69.8, mean of seeds 0, 1, 2; paper: no result on these scenes
Source:  ours, same as spnet_r18-d8-slim_1xb4-400_scenes-192x256
Differs: same as there; no SPMs
"""

_base_ = './spnet_r18-d8-slim_1xb4-400_scenes-192x256.py'
model = dict(backbone=dict(spm_blocks=([], [], [], [])))
