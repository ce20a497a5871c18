"""Runtime settings of classifiers, which mmpretrain trains."""

default_scope = 'mmpretrain'
custom_imports = dict(
    imports=['mmseg_plugins', 'mmseg_plugins.safe_loading'],
    allow_failed_imports=False,
)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)
custom_hooks = [
    dict(type='mmseg_plugins.CheckpointCheckHook'),
    dict(type='mmseg_plugins.ResumeCheckHook'),
    dict(type='mmseg_plugins.FiniteLossHook'),
    dict(type='mmseg_plugins.GeneratorStateHook'),
]
log_level = 'INFO'
load_from = None
resume = False
