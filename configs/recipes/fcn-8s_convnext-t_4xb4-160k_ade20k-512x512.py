"""FCN-8s: the skips of FCN on ConvNeXt-T, ADE20K, 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
         needs mmpretrain, which has ConvNeXt
Result:  not measured; paper: no result with ConvNeXt
Source:  mmseg's convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512 for the backbone and
         the optimizer
Differs: from mmseg's config: FCNSkipHead instead of UPerHead, no auxiliary head; one
         learning rate for all stages and ten times that for the head; float32; the test
         uses whole images
"""

_base_ = [
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_adamw_160k.py',
    '../_base_/default_runtime.py',
]
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
        type='mmpretrain.ConvNeXt',
        arch='tiny',
        out_indices=[1, 2, 3],
        drop_path_rate=0.4,
        layer_scale_init_value=1.0,
        gap_before_final_norm=False,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/convnext/downstream/convnext-tiny_3rdparty_32xb128-noema_in1k_20220301-795e9634.pth',
            prefix='backbone.',
        ),
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[192, 384, 768],
        in_index=[0, 1, 2],
        strides=[8, 16, 32],
        num_classes=150,
        dropout_ratio=0.1,
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
optim_wrapper = dict(optimizer=dict(lr=1e-4, weight_decay=0.05))
