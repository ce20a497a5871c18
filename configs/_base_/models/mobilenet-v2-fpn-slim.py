"""MobileNetV2 of ImageNet with a slim feature pyramid of stride 4, and any head on it.

It has 64 channels where mobilenet-v2-fpn.py has 128, and cross entropy alone: half of
the time of a training on a CPU would be for the Lovasz loss.
"""

_base_ = './mobilenet-v2-fpn.py'
model = dict(
    neck=dict(out_channels=64),
    decode_head=dict(
        in_channels=64,
        channels=64,
        loss_decode=dict(
            _delete_=True, type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True
        ),
    ),
)
