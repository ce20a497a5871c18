from .checkpoint_check import CheckpointCheckHook
from .finite_loss import FiniteLossHook
from .generator_state import GeneratorStateHook
from .num_class_check import NumClassCheckHook
from .resume_check import ResumeCheckHook
from .safe_checkpoint import SafeCheckpointHook
from .unseen_class_check import UnseenClassCheckHook

__all__ = [
    'CheckpointCheckHook',
    'FiniteLossHook',
    'GeneratorStateHook',
    'NumClassCheckHook',
    'ResumeCheckHook',
    'SafeCheckpointHook',
    'UnseenClassCheckHook',
]
