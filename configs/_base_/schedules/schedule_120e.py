"""120 epochs with EncNet's optimizer, for batches of 16.

The experiment sets log_processor=dict(by_epoch=True). Its data set, or the experiment,
uses DefaultSampler, so that an epoch has an end.
"""

# PyTorch-Encoding, experiments/segmentation/option.py and train.py: lr of the Pascal
# sets, and ten times that for the heads, as in SPNet's code too.
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
    dict(type='PolyLR', power=0.9, begin=0, end=120, convert_to_iter_based=True)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=120, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The oldest is deleted when the next is whole: the disk needs room for one more.
    checkpoint=dict(
        type='mmseg_plugins.SafeCheckpointHook',
        interval=5,
        max_keep_ckpts=3,
        save_best='mIoU',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
)
