"""Fast-SCNN of mmseg, CamVid at 360 x 480, to compare with DFANet.

Run:     python tools/train.py <this file>
Result:  mIoU 36.7, val split; paper: no result at this size
Source:  ours: the schedule of dfanet_xception-a_1xb4-400_camvid-360x480
Differs: same as fast-scnn_baseline_1xb8-400_scenes-192x256
"""

_base_ = [
    '../_base_/models/fast_scnn.py',
    '../_base_/datasets/camvid-scale_360x480.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=11),
)
train_dataloader = dict(batch_size=4, num_workers=2)
