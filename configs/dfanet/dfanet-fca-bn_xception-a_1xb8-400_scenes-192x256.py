"""DFANet-A with batch norm in the FC attention, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, same as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: same as there; the 1 x 1 convolution of the attention is followed by batch norm
         and has no bias, as in several public codes
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(backbone=dict(attention_norm_cfg=dict(type='SyncBN', requires_grad=True)))
