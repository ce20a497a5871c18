"""The authors' training of FCN: one image a step, the loss a sum over its pixels.

The learning rate is fixed, hence no param_scheduler. Biases learn twice as fast and do
not decay.
"""

_base_ = './iterations.py'
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=1e-10, momentum=0.99, weight_decay=0.0005),
    paramwise_cfg=dict(bias_lr_mult=2.0, bias_decay_mult=0.0),
)
train_cfg = dict(max_iters=100000, val_interval=4000)
default_hooks = dict(checkpoint=dict(interval=4000, save_param_scheduler=False))
