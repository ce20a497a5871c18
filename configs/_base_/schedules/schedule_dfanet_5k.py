"""5 000 iterations with DFANet's optimizer, for batches of 48."""

# momentum and weight_decay are the paper's, from reading notes of it. lr and power are
# remembered from the paper and not checked.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.2, momentum=0.9, weight_decay=1e-5),
)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=5000, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=5000, val_interval=500)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The oldest is deleted when the next is whole: the disk needs room for one more.
    checkpoint=dict(
        type='mmseg_plugins.SafeCheckpointHook',
        by_epoch=False,
        interval=500,
        max_keep_ckpts=3,
        save_best='mIoU',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
)
