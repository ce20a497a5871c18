"""Encoder of DFANet-A with 1 sub-network, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, same as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: same as there; no decoder, as in Table 3 of the paper: only the last attention
         module is classified
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(
    backbone=dict(num_subnets=1),
    decode_head=dict(num_low=0, in_channels=[192], in_index=[1]),
)
