"""Encoder of DFANet-A with 3 sub-networks, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, same as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: same as dfanet-x1_xception-a_1xb8-400_scenes-192x256, with 3 sub-networks
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(decode_head=dict(num_low=0, in_channels=[192], in_index=[5]))
