"""Runtime settings of every segmentor."""

default_scope = 'mmseg'
custom_imports = dict(
    imports=[
        'mmseg_plugins',
        'mmseg_plugins.safe_loading',
        'mmseg_plugins.timm_weights',
    ],
    allow_failed_imports=False,
)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer'
)
custom_hooks = [
    dict(type='mmseg_plugins.RunSummaryHook'),
    dict(type='mmseg_plugins.NumClassCheckHook'),
    dict(type='mmseg_plugins.DataCheckHook'),
    dict(type='mmseg_plugins.UnseenClassCheckHook'),
    dict(type='mmseg_plugins.CheckpointCheckHook'),
    dict(type='mmseg_plugins.ResumeCheckHook'),
    dict(type='mmseg_plugins.FiniteLossHook'),
    dict(type='mmseg_plugins.GeneratorStateHook'),
    dict(type='mmseg_plugins.ReportHook'),
]
report = True  # whether ReportHook writes report.html
# An experiment that counts in epochs sets by_epoch=True.
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
tta_model = dict(type='SegTTAModel')
