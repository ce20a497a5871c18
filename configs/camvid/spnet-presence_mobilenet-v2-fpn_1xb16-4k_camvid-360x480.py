"""SPNet's head, and the SE-loss beside it, on MobileNetV2 and a pyramid, CamVid.

Run:     python tools/study.py <this file>
Result:  mIoU 63.9 on test after 190 s of a shared H100, seed 0; docs/results.md
         has the conditions; paper: no result with this recipe
Source:  ours: one recipe and one backbone for all heads
Differs: same as spnet-mpm2_mobilenet-v2-fpn_1xb4-500_camvid-240x320, but 128 channels,
         crops of 360 x 480, Lovasz loss, no class weights, and PresenceHead on the
         coarsest level
"""

_base_ = [
    '../_base_/models/mobilenet-v2-fpn.py',
    '../_base_/datasets/camvid_360x480.py',
    '../_base_/schedules/schedule_adamw_4k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(type='mmseg_plugins.StripPoolingHead', reduce_channels=256),
    auxiliary_head=dict(
        type='mmseg_plugins.PresenceHead',
        in_channels=128,
        in_index=3,
        channels=128,
        num_classes=11,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=False,
    ),
)
train_dataloader = dict(batch_size=16, num_workers=8)
