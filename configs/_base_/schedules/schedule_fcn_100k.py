"""100 000 iterations with the optimizer of FCN's authors, for batches of one image.

The numbers are those of voc-fcn32s/{net.py,solver.prototxt,solve.py} in
shelhamer/fcn.berkeleyvision.org. The loss is a sum over pixels, so lr is tiny.
The learning rate is constant, so there is no param_scheduler.
"""

# Biases have twice the learning rate and no weight decay.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=1e-10, momentum=0.99, weight_decay=0.0005),
    paramwise_cfg=dict(bias_lr_mult=2.0, bias_decay_mult=0.0),
)
train_cfg = dict(type='IterBasedTrainLoop', max_iters=100000, val_interval=4000)
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
        interval=4000,
        max_keep_ckpts=3,
        save_best='mIoU',
        save_param_scheduler=False,
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
)
