from .channels_last import ChannelsLastHook
from .checkpoint_check import CheckpointCheckHook
from .data_check import DataCheckHook
from .finite_loss import FiniteLossHook
from .generator_state import GeneratorStateHook
from .multi_channel_visualization import MultiChannelVisualizationHook
from .num_class_check import NumClassCheckHook
from .report_hook import ReportHook
from .resume_check import ResumeCheckHook
from .run_summary import RunSummaryHook
from .safe_checkpoint import SafeCheckpointHook
from .timed_schedule_hook import TimedScheduleHook
from .unseen_class_check import UnseenClassCheckHook

__all__ = [
    'ChannelsLastHook',
    'CheckpointCheckHook',
    'DataCheckHook',
    'FiniteLossHook',
    'GeneratorStateHook',
    'MultiChannelVisualizationHook',
    'NumClassCheckHook',
    'ReportHook',
    'ResumeCheckHook',
    'RunSummaryHook',
    'SafeCheckpointHook',
    'TimedScheduleHook',
    'UnseenClassCheckHook',
]
