"""60 000 iterations at the rate of DFANet's paper, which is for batches of 48."""

_base_ = './iterations.py'
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.2, momentum=0.9, weight_decay=1e-5),
)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=60000, by_epoch=False)]
train_cfg = dict(max_iters=60000, val_interval=5000)
default_hooks = dict(checkpoint=dict(interval=5000))
