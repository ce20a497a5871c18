"""DFANet's head on all strides of MobileNetV2, Cityscapes, 512 x 1024 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result with MobileNetV2
Source:  mmseg's mobilenet-v2-d8_fcn_4xb2-80k_cityscapes-512x1024 for the schedule
Differs: from mmseg's config: strides 4 to 32 and no dilation; no auxiliary head;
         DFAHead instead of FCNHead, with strides 4 and 8 as low levels and 16 and 32 as
         high levels
"""

_base_ = [
    '../_base_/datasets/cityscapes.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
# Plain BN, so that one process can train the model on a CPU. With several processes,
# sync_bn turns it into SyncBN.
norm_cfg = dict(type='BN')
sync_bn = 'torch'
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        size=_base_.crop_size,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='MobileNetV2',
        out_indices=(1, 2, 4, 6),
        norm_cfg=norm_cfg,
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://mobilenet_v2'),
    ),
    decode_head=dict(
        type='mmseg_plugins.DFAHead',
        in_channels=[24, 32, 96, 320],
        in_index=[0, 1, 2, 3],
        num_low=2,
        channels=64,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
