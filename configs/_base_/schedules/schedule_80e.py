"""80 epochs of batches of 16; the heads learn at ten times the rate.

The experiment adds log_processor=dict(by_epoch=True); its dataset, or it, has a sampler
that ends.
"""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=0.0001),
    paramwise_cfg=dict(
        custom_keys=dict(
            decode_head=dict(lr_mult=10.0), auxiliary_head=dict(lr_mult=10.0)
        )
    ),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, begin=0, end=80, convert_to_iter_based=True)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=80, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The host deletes the oldest checkpoint before it writes the next: never keep one.
    checkpoint=dict(type='CheckpointHook', interval=5, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
)
