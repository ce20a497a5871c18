"""Encoder of DFANet-A with 3 sub-networks, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 19.5 on test, mean of two seeds; docs/results.md has the conditions;
         paper: no result with this recipe
Source:  ours, same as dfanet_xception-a_1xb4-500_camvid-240x320
Differs: same as dfanet-x1_xception-a_1xb4-500_camvid-240x320, with 3 sub-networks
"""

_base_ = './dfanet_xception-a_1xb4-500_camvid-240x320.py'
model = dict(decode_head=dict(num_low=0, in_channels=[192], in_index=[5]))
