"""40 000 iterations of batches of 16; the heads learn at ten times the rate."""

_base_ = './schedule_encnet_20k.py'
optim_wrapper = dict(optimizer=dict(lr=0.004))
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=40000, by_epoch=False)]
train_cfg = dict(max_iters=40000, val_interval=4000)
default_hooks = dict(checkpoint=dict(interval=4000))
