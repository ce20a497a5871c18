"""For trainings of classifiers, by mmpretrain."""

_base_ = './runtime.py'
default_scope = 'mmpretrain'
visualizer = dict(type='UniversalVisualizer', vis_backends=_base_.vis_backends)
