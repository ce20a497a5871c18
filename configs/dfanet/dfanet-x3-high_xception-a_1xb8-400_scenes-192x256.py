"""DFANet-A with high levels only, embedded scenes at 192 x 256.

Run:     python tools/train.py <this file>
Result:  not measured; paper: no result on these scenes
Source:  ours, same as dfanet_xception-a_1xb8-400_scenes-192x256
Differs: same as there; the decoder gets the high levels only, as in Table 4 of the
         paper
"""

_base_ = './dfanet_xception-a_1xb8-400_scenes-192x256.py'
model = dict(
    decode_head=dict(num_low=0, in_channels=[192, 192, 192], in_index=[3, 4, 5])
)
