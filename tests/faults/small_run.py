"""A small training that the tests of this folder attack, protected and stock.

PROTECTED is a shipped config, run by our tools. STOCK is the same network and data on
the bare host: its own tools, loaders, checkpoint hook and sampler.
"""

import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import mmseg
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from tests.python_process import run_python
from tests.tools.tiny_training import CONFIG, OPTIONS, ROOT

PROTECTED, STOCK = 'protected', 'stock'
STOCK_TOOLS = Path(mmseg.__path__[0]) / '.mim/tools'
ITERATIONS = 16
_NUMBERS = count()


def make_config(
    work_dir: Path, variant: str = PROTECTED, workers: int = 0, **options: Any
) -> Config:
    """Return the config of a training of 16 iterations with 8 checkpoints, all kept.

    ``options`` are dotted keys and their values: ``**{'train_cfg.max_iters': 4}``.
    """
    cfg = Config.fromfile(CONFIG)
    texts = dict(option.split('=') for option in OPTIONS)
    cfg.merge_from_dict({key: eval(value) for key, value in texts.items()})
    cfg.merge_from_dict(
        {
            'default_hooks.checkpoint.interval': 2,
            'default_hooks.checkpoint.max_keep_ckpts': -1,
            'train_cfg.max_iters': ITERATIONS,
            'train_dataloader.num_workers': workers,
            'train_dataloader.persistent_workers': workers > 0,
            'val_dataloader.num_workers': 0,
            'val_dataloader.persistent_workers': False,
            'test_dataloader.num_workers': 0,
            'test_dataloader.persistent_workers': False,
            'randomness': dict(seed=0),
            'work_dir': str(work_dir),
            'visualizer.name': str(work_dir),  # mmengine keeps one of each name
        }
    )
    if variant == STOCK:
        cfg.custom_imports.imports = ['mmseg_plugins']
        cfg.custom_hooks = []
        cfg.default_hooks.checkpoint.type = 'CheckpointHook'
        cfg.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
        dataset = cfg.train_dataloader.dataset
        dataset.pipeline = [
            step for step in dataset.pipeline if 'SeedByPosition' not in step.type
        ]
    cfg.merge_from_dict(options)
    return cfg


def build(cfg: Config) -> Runner:
    """Return a Runner in this process, with a message hub of its own."""
    cfg = cfg.copy()
    # Runners of one second would get the same name, and share their message hub.
    cfg.experiment_name = f'small_run_{next(_NUMBERS)}'
    return Runner.from_cfg(cfg)


def train(cfg: Config) -> Runner:
    """Train in this process."""
    runner = build(cfg)
    runner.train()
    return runner


def command(
    cfg: Config, *arguments: object, tool: str = 'train.py', variant: str = PROTECTED
) -> list[str]:
    """Write the config beside its work_dir; return the command that runs a tool."""
    path = Path(f'{cfg.work_dir}.py')
    path.parent.mkdir(parents=True, exist_ok=True)
    cfg.dump(path)
    tools = ROOT / 'tools' if variant == PROTECTED else STOCK_TOOLS
    return [sys.executable, str(tools / tool), str(path), *map(str, arguments)]


def run_tool(
    cfg: Config, *arguments: object, **kwargs: str
) -> subprocess.CompletedProcess[str]:
    """Run a tool in a process of its own; the arguments are those of ``command``."""
    _, *words = command(cfg, *arguments, **kwargs)
    return run_python(*words)


def load(path: Path) -> dict:
    """Load a checkpoint that a test wrote, whatever it holds."""
    return torch.load(path, map_location='cpu', weights_only=False)
