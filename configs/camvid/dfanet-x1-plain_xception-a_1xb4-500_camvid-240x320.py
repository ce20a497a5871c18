"""Encoder of DFANet-A with 1 sub-network and no attention, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 26.6 on test, mean of two seeds; docs/results.md has the conditions;
         paper: no result with this recipe
Source:  ours, same as dfanet-x1_xception-a_1xb4-500_camvid-240x320
Differs: same as there; no FC attention, as in Table 2 of the paper
"""

_base_ = './dfanet_xception-a_1xb4-500_camvid-240x320.py'
model = dict(
    backbone=dict(num_subnets=1, with_attention=False),
    decode_head=dict(num_low=0, in_channels=[192], in_index=[1]),
)
