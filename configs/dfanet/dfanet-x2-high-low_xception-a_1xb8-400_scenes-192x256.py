"""DFANet-A with 2 sub-networks, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, same as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: same as there; 2 sub-networks, as in Table 4 of the paper
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(
    backbone=dict(num_subnets=2),
    decode_head=dict(num_low=2, in_channels=[48, 48, 192, 192], in_index=[0, 1, 2, 3]),
)
