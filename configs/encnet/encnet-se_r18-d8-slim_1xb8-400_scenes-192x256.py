"""EncNet with SE loss only, slim ResNet-18, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  mIoU 72.9, mean of seeds 0, 1, 2; paper: no result on these scenes
Source:  ours, same as encnet_r18-d8-slim_1xb8-400_scenes-192x256
Differs: same as there; no auxiliary loss
"""

_base_ = './encnet_r18-d8-slim_1xb8-400_scenes-192x256.py'
model = dict(auxiliary_head=None)
