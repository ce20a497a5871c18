"""80 epochs of batches of 16; the heads learn at ten times the rate.

The experiment adds log_processor=dict(by_epoch=True); its dataset, or it, has a sampler
that ends.
"""

_base_ = ['./epochs.py', './optimizer_encnet.py']
param_scheduler = [
    dict(type='PolyLR', power=0.9, begin=0, end=80, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=80, val_interval=5)
default_hooks = dict(
    checkpoint=dict(interval=5), visualization=dict(type='SegVisualizationHook')
)
