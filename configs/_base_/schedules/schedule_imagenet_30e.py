"""30 epochs of ImageNet at the rate for batches of 256."""

_base_ = './epochs.py'
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.3, momentum=0.9, weight_decay=4e-5, nesterov=True),
)
param_scheduler = [
    dict(type='PolyLR', power=1.0, begin=0, end=30, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=30, val_interval=1)
default_hooks = dict(
    logger=dict(interval=100),
    checkpoint=dict(interval=1),
    visualization=dict(type='VisualizationHook', enable=False),
)
