"""180 epochs, and all else as in schedule_80e."""

_base_ = './schedule_80e.py'
param_scheduler = [
    dict(type='PolyLR', power=0.9, begin=0, end=180, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=180)
