"""Fast-SCNN of stock mmseg, CamVid at 360 x 480, to set beside DFANet.

Run:     python tools/train.py <this file>
Result:  mIoU 36.7, val split; paper: no result at this size
Source:  ours: the schedule of dfanet_xception-a_1xb4-400_camvid-360x480
Differs: from mmseg's fast_scnn_8xb4-160k_cityscapes-512x1024: AdamW, 400 iterations,
         softmax in place of sigmoids, batch norm of the usual momentum, no auxiliary
         heads
"""

_base_ = [
    '../_base_/models/fast_scnn.py',
    '../_base_/datasets/camvid-scale_360x480.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=dict(size=(360, 480)), decode_head=dict(num_classes=11))
train_dataloader = dict(batch_size=4, num_workers=2)
