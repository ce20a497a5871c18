"""Encoder of DFANet-A with 1 sub-network, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 24.7 on test, mean of two seeds; docs/results.md has the conditions;
         paper: no result with this recipe
Source:  ours, same as dfanet_xception-a_1xb4-500_camvid-240x320
Differs: same as there; no decoder, as in Table 3 of the paper: only the last attention
         module is classified
"""

_base_ = './dfanet_xception-a_1xb4-500_camvid-240x320.py'
model = dict(
    backbone=dict(num_subnets=1),
    decode_head=dict(num_low=0, in_channels=[192], in_index=[1]),
)
