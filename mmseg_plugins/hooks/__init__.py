from .checkpoint_check import CheckpointCheckHook
from .num_class_check import NumClassCheckHook

__all__ = ['CheckpointCheckHook', 'NumClassCheckHook']
