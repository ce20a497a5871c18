"""Encoder of DFANet-A with 3 sub-networks, CamVid at 360 x 480.

Run:     python tools/study.py <this file>
Result:  not measured; paper: no result with this recipe
Source:  ours, same as dfanet_xception-a_1xb16-4k_camvid-360x480
Differs: same as dfanet-x1_xception-a_1xb16-4k_camvid-360x480, with 3 sub-networks
"""

_base_ = './dfanet_xception-a_1xb16-4k_camvid-360x480.py'
model = dict(decode_head=dict(num_low=0, in_channels=[192], in_index=[5]))
