"""Xception A of DFANet as an ImageNet classifier, trained by mmpretrain.

Its last layer becomes the fully connected layer of DFANet's attention. For Xception B:
type='mmseg_plugins.XceptionB' and in_channels=128.
"""

norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        num_classes=1000,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(type='mmseg_plugins.XceptionA', out_indices=(2,), norm_cfg=norm_cfg),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=192,
        loss=dict(type='CrossEntropyLoss'),
        topk=(1, 5),
    ),
)
