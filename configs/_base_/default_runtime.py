_base_ = './runtime.py'
default_scope = 'mmseg'
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=_base_.vis_backends, name='visualizer'
)
custom_hooks = [
    dict(type='mmseg_plugins.NumClassCheckHook'),
    dict(type='mmseg_plugins.CheckpointCheckHook'),
]
log_processor = dict(by_epoch=False)
tta_model = dict(type='SegTTAModel')
