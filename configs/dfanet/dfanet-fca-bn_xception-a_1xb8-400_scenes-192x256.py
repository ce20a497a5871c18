"""DFANet-A, batch norm in the FC attention, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: as there; batch norm in place of the bias of the attention's 1 x 1 convolution,
         as in several public codes
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(backbone=dict(attention_norm_cfg=dict(type='SyncBN', requires_grad=True)))
