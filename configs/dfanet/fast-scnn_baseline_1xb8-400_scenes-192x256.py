"""Fast-SCNN of mmseg, embedded scenes at 192 x 256, to compare with DFANet.

Run:     python tools/train.py <this file>
Result:  mIoU 76.9; paper: no result on these scenes
Source:  ours: the schedule of dfanet_xception-a_1xb8-400_scenes-192x256
Differs: from mmseg's fast_scnn_8xb4-160k_cityscapes-512x1024: AdamW, 400 iterations,
         softmax instead of sigmoids, batch norm with the usual momentum, no auxiliary
         heads
"""

_base_ = [
    '../_base_/models/fast_scnn.py',
    '../_base_/datasets/synthetic_scenes.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=12),
)
