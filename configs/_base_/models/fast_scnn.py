"""Stock mmseg's Fast-SCNN, beside which DFANet is trained.

Differs from the host's file: softmax, not one sigmoid per class; the mean over labelled
pixels; batch norm of momentum 0.1, not 0.01, for short trainings; no auxiliary heads.
"""

_base_ = './segmentor.py'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    backbone=dict(type='FastSCNN', norm_cfg=norm_cfg, align_corners=False),
    decode_head=dict(
        type='DepthwiseSeparableFCNHead',
        in_channels=128,
        channels=128,
        concat_input=False,
        num_classes=19,
        in_index=-1,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
