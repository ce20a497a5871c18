"""What a report says about a run besides its counts."""

import platform
import shlex
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mmengine
import mmseg
import torch
from mmengine.runner import BaseLoop, Runner
from torch import nn


def summary_of(
    runner: Runner, model: nn.Module, mode: str, seconds: float
) -> dict[str, Any]:
    """Return what ``RUN/report/summary.json`` holds, without the pictures.

    Args:
        runner: The runner of the evaluation.
        model: Its segmentor, without wrappers.
        mode: ``val`` or ``test``.
        seconds: Time since the run began.
    """
    is_training = isinstance(runner._train_loop, BaseLoop)
    loop = runner.val_loop if mode == 'val' else runner.test_loop
    parameters = sum(parameter.numel() for parameter in model.parameters())
    has_gpu = torch.cuda.is_available()
    try:
        own_version = version('mmseg-plugins')
    except PackageNotFoundError:
        own_version = 'not installed, on PYTHONPATH'
    parts = [getattr(model, name, None) for name in ('backbone', 'neck', 'decode_head')]
    return dict(
        name=Path(runner.work_dir).resolve().name,
        network=[type(module).__name__ for module in parts if module is not None],
        parameters=parameters,
        dataset=type(loop.dataloader.dataset).__name__,
        part='validation' if mode == 'val' else 'test',
        iteration=runner.iter if is_training else None,
        # A training may begin with weights that are not those of its validation.
        checkpoint=None if is_training else runner._load_from,
        seconds=seconds,
        command=shlex.join(sys.orig_argv),
        date=time.strftime('%Y-%m-%d %H:%M'),
        environment={
            'device': torch.cuda.get_device_name() if has_gpu else 'CPU',
            'Python': platform.python_version(),
            'PyTorch': torch.__version__,
            'MMEngine': mmengine.__version__,
            'MMSegmentation': mmseg.__version__,
            'mmseg_plugins': own_version,
            'system': platform.platform(),
        },
        config=runner.cfg.pretty_text,
    )
