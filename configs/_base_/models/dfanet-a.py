"""DFANet-A with random weights.

For DFANet-B: arch='B' and in_channels=[32, 32, 32, 128, 128, 128].
"""

norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='mmseg_plugins.DFANet', arch='A', num_subnets=3, norm_cfg=norm_cfg
    ),
    decode_head=dict(
        type='mmseg_plugins.DFAHead',
        # Channels of Table 1 in the paper: enc2 of the three sub-networks, then their
        # attention modules.
        in_channels=[48, 48, 48, 192, 192, 192],
        in_index=[0, 1, 2, 3, 4, 5],
        num_low=3,
        # The paper does not give the width; its author remembers 32 or 64
        # (huaifeng1993/DFANet, issue 13), and 64 fits the paper's FLOPs.
        channels=64,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
