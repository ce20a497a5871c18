"""Encoder of DFANet-A with 1 sub-network, CamVid at 360 x 480.

Run:     python tools/study.py <this file>
Result:  not measured; paper: no result with this recipe
Source:  ours, same as dfanet_xception-a_1xb16-4k_camvid-360x480
Differs: same as there; no decoder, as in Table 3 of the paper: only the last attention
         module is classified
"""

_base_ = './dfanet_xception-a_1xb16-4k_camvid-360x480.py'
model = dict(
    backbone=dict(num_subnets=1),
    decode_head=dict(num_low=0, in_channels=[192], in_index=[1]),
)
