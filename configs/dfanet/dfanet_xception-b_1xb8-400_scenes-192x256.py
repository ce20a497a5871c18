"""DFANet-B, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, same as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: same as there
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(
    backbone=dict(arch='B'),
    decode_head=dict(in_channels=[32, 32, 32, 128, 128, 128]),
)
