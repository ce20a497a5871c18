"""EncNet, SE loss, no auxiliary one, slim ResNet-18, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  mIoU 72.9, mean of seeds 0, 1, 2; paper: no result on these scenes
Source:  ours, as encnet_r18-d8-slim_1xb8-400_scenes-192x256
Differs: as there; no auxiliary loss
"""

_base_ = './encnet_r18-d8-slim_1xb8-400_scenes-192x256.py'
model = dict(auxiliary_head=None)
