"""The FSDP config, narrow, in two processes on the CPU.

On a CPU, ``offload_to_cpu`` would save a view of memory that is freed. So this setting,
the device, and the size from which layers are sharded differ here from the config.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner
from mmseg.registry import RUNNERS
from torch import Tensor

from mmseg_plugins.hooks import CheckpointCheckHook
from mmseg_plugins.safe_loading import load
from tests.distributed.two_processes import difference, run_in_two

FCN = Path(__file__).parents[2] / 'configs/fcn'
PLAIN = FCN / 'fcn-8s_vgg16_4xb4-160k_ade20k-512x512.py'
SHARDED = FCN / 'fcn-8s_vgg16-fsdp_4xb4-160k_ade20k-512x512.py'
SIZE = (64, 96)
Weights = dict[str, Tensor]


def narrow(path: Path, work_dir: Path, batch_size: int, **changes: Any) -> Config:
    """Load a config for two iterations on scenes, without dropout and augmentation."""
    cfg = Config.fromfile(path)
    backbone, head = cfg.model.backbone, cfg.model.decode_head
    backbone.update(base_channels=4, fc_channels=8, dropout_ratio=0.0, init_cfg=None)
    head.update(in_channels=[16, 32, 8], num_classes=12, dropout_ratio=0.0)
    cfg.model.data_preprocessor.size = SIZE
    steps = [dict(type='mmseg_plugins.LoadSyntheticScene'), dict(type='PackSegInputs')]
    scenes = dict(type='mmseg_plugins.SyntheticSceneDataset', num_scenes=16, size=SIZE)
    cfg.train_dataloader = dict(
        batch_size=batch_size,
        num_workers=0,
        sampler=dict(type='InfiniteSampler'),
        dataset=dict(**scenes, pipeline=steps),
    )
    for split in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            cfg[f'{split}_{part}'] = None
    cfg.train_cfg.max_iters = 2
    cfg.default_hooks.checkpoint.interval = 1
    cfg.optim_wrapper.optimizer.lr = 0.1
    cfg.randomness = dict(seed=0)
    cfg.work_dir, cfg.log_level = str(work_dir), 'ERROR'
    cfg.update(changes)
    return cfg


def sharded(work_dir: Path, **changes: Any) -> Config:
    """Load the FSDP config for one of two CPU processes."""
    cfg = narrow(SHARDED, work_dir, 2, launcher='pytorch', **changes)
    cfg.strategy.model_wrapper.device_id = torch.device('cpu')
    cfg.strategy.model_wrapper.auto_wrap_policy.min_num_params = 10_000
    assert cfg.strategy.state_dict_cfg == 'full'
    options = dict(rank0_only=True, offload_to_cpu=False)
    cfg.strategy.state_dict_cfg = dict(
        state_dict_type='FULL_STATE_DICT',
        state_dict_config=dict(type='FullStateDictConfig', **options),
        optim_state_dict_config=dict(type='FullOptimStateDictConfig', **options),
    )
    return cfg


def train_in_a_process(rank: int, folder: Path) -> dict[str, Any]:
    """Train; then resume, and start other trainings, from the checkpoints."""
    os.environ['LOCAL_RANK'] = str(rank)
    runner = RUNNERS.build(sharded(folder))
    runner.train()
    results = dict(
        num_weights=sum(weight.numel() for weight in runner.model.parameters()),
        error=error_for_another_model(runner),
    )
    unchanged = sharded(folder / 'unchanged', load_from=str(folder / 'iter_2.pth'))
    unchanged.optim_wrapper.optimizer.lr = 0.0
    RUNNERS.build(unchanged).train()
    first = dict(load_from=str(folder / 'iter_1.pth'))
    RUNNERS.build(sharded(folder / 'resumed', resume=True, **first)).train()
    restarted = sharded(folder / 'restarted', **first)
    restarted.train_cfg.max_iters = 1
    RUNNERS.build(restarted).train()
    return results


def error_for_another_model(runner: FlexibleRunner) -> str:
    try:
        CheckpointCheckHook().after_load_checkpoint(runner, dict(state_dict={}))
    except ValueError as error:
        return str(error)
    return ''


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('fsdp')


@pytest.fixture(scope='module')
def processes(work_dir) -> list[dict]:
    return run_in_two(train_in_a_process, work_dir, work_dir)


def weights(work_dir: Path, iteration: int) -> Weights:
    return load(str(work_dir / f'iter_{iteration}.pth'))['state_dict']


def second_step(work_dir: Path) -> Weights:
    """Return what the second iteration adds to the weights."""
    before, after = weights(work_dir, 1), weights(work_dir, 2)
    return {key: after[key] - before[key] for key in before}


def test_the_config_adds_only_a_runner_type_and_a_strategy():
    plain, with_fsdp = Config.fromfile(PLAIN), Config.fromfile(SHARDED)
    added = {'runner_type', 'strategy'}
    assert with_fsdp.keys() - plain.keys() == added
    assert {k: v for k, v in with_fsdp.items() if k not in added} == dict(plain.items())


@pytest.mark.slow
def test_two_processes_share_the_weights(processes, work_dir):
    total = sum(weight.numel() for weight in weights(work_dir, 2).values())
    shares = [process['num_weights'] for process in processes]
    assert sum(shares) == pytest.approx(total, abs=4)
    assert all(0.4 < share / total < 0.6 for share in shares)


@pytest.mark.slow
def test_two_processes_train_as_one_on_both_batches(processes, work_dir, tmp_path):
    Runner.from_cfg(narrow(PLAIN, tmp_path / 'both', 4)).train()
    Runner.from_cfg(narrow(PLAIN, tmp_path / 'half', 2)).train()
    expected = second_step(tmp_path / 'both')
    assert difference(second_step(work_dir), expected) < 1e-4
    assert difference(second_step(tmp_path / 'half'), expected) > 0.1  # control


@pytest.mark.slow
def test_checkpoints_can_be_loaded_and_resumed(processes, work_dir):
    expected = weights(work_dir, 2)
    assert difference(weights(work_dir / 'unchanged', 1), expected) == 0
    assert not (work_dir / 'resumed/iter_1.pth').exists()
    assert difference(weights(work_dir / 'resumed', 2), expected) == 0
    assert difference(weights(work_dir / 'restarted', 1), expected) > 0.01  # control


@pytest.mark.slow
def test_a_checkpoint_of_another_model_is_refused(processes):
    # FSDP shows no weights to the second process, which the launcher ends.
    assert 'has no weight of this model' in processes[0]['error']
    assert processes[1]['error'] == ''
