"""20 000 iterations of batches of 16; the heads learn at ten times the rate."""

_base_ = ['./iterations.py', './optimizer_encnet.py']
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=20000, by_epoch=False)]
train_cfg = dict(max_iters=20000, val_interval=2000)
default_hooks = dict(checkpoint=dict(interval=2000))
