"""5 000 iterations at the rate of DFANet's paper, which is for batches of 48."""

_base_ = './schedule_dfanet_60k.py'
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=5000, by_epoch=False)]
train_cfg = dict(max_iters=5000, val_interval=500)
default_hooks = dict(checkpoint=dict(interval=500))
