"""DFANet-A's encoder of 1 sub-network, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: as there; the row of the paper's Table 3 that has no decoder: the last
         attention alone is classified
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(
    backbone=dict(num_subnets=1),
    decode_head=dict(num_low=0, in_channels=[192], in_index=[1]),
)
