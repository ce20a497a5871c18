"""DFANet-A, high levels alone, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: as there; high levels alone, a row of the paper's Table 4
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(
    decode_head=dict(num_low=0, in_channels=[192, 192, 192], in_index=[3, 4, 5])
)
