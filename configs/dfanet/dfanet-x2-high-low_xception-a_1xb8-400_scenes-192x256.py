"""DFANet-A of 2 sub-networks, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: as there; 2 sub-networks, a row of the paper's Table 4
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(
    backbone=dict(num_subnets=2),
    decode_head=dict(num_low=2, in_channels=[48, 48, 192, 192], in_index=[0, 1, 2, 3]),
)
