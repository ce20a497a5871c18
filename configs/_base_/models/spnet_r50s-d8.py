"""SPNet on ResNet-50 of the authors' deep stem; its weights: docs/spnet.md."""

_base_ = './spnet_r50-d8.py'
model = dict(
    backbone=dict(
        stem_channels=128,
        init_cfg=dict(checkpoint='checkpoints/resnet50s.pth', prefix='backbone.'),
    )
)
