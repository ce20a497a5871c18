"""A hook that stores weights and maps with the channels last."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Store the weights of convolutions in ``torch.channels_last`` before a run.

    Their outputs then have this layout, too. With mixed precision on a GPU this makes
    most networks faster; results differ by rounding. Checkpoints do not depend on it.

    It is for GPUs. On a CPU with AVX-512, a training of DFANet with it crashed in the
    oneDNN of torch 2.13 ("corrupted size vs. prev_size"), and did not with
    ``ONEDNN_MAX_CPU_ISA=AVX2``.
    """

    priority = 'VERY_HIGH'  # before EMAHook copies the model

    def before_run(self, runner: Runner) -> None:
        """Change the layout in place."""
        runner.model.to(memory_format=torch.channels_last)
