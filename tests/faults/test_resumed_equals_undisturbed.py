"""A run that is stopped at a checkpoint and resumed ends as an undisturbed one."""

import random
import shutil
from logging import getLogger
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import set_random_seed

from mmseg_plugins.hooks import GeneratorStateHook
from tests.faults.small_run import PROTECTED, STOCK, make_config, train

VALIDATE = {'train_cfg.val_interval': 4}
EPOCHS = {
    'train_dataloader.dataset.num_scenes': 8,
    'train_dataloader.sampler.type': 'mmseg_plugins.DefaultPositionSampler',
    'default_hooks.checkpoint.by_epoch': True,
    'default_hooks.checkpoint.interval': 1,
}


@pytest.fixture(autouse=True)
def one_thread():
    """Let no order of additions depend on the load of the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def weights(cfg: Config) -> dict[str, torch.Tensor]:
    """Train; return the weights, and the statistics of the norm layers."""
    if cfg.default_hooks.checkpoint.by_epoch:
        cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=1)
    runner = train(cfg)
    if cfg.train_dataloader.num_workers:
        # The garbage collector would wait 5 s for each worker.
        runner.train_dataloader._iterator._shutdown_workers()
    return runner.model.state_dict()


def resume(folder: Path, file: str, variant: str = PROTECTED, workers=0, **options):
    """Resume in a new folder that has one checkpoint of the undisturbed run."""
    new = folder / f'resumed_{workers}'
    new.mkdir()
    shutil.copy(folder / 'undisturbed' / file, new)
    (new / 'last_checkpoint').write_text(str(new / file))
    return weights(make_config(new, variant, workers, resume=True, **options))


def differences(first: dict, second: dict) -> list[str]:
    return [name for name, value in first.items() if not value.equal(second[name])]


@pytest.fixture(scope='module')
def run_without_workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp('iterations')
    return folder, weights(make_config(folder / 'undisturbed', **VALIDATE))


@pytest.mark.parametrize('workers', [0, 1, 4])
def test_run_resumed_at_8_of_16_iterations(run_without_workers, workers):
    folder, undisturbed = run_without_workers
    resumed = resume(folder, 'iter_8.pth', workers=workers, **VALIDATE)
    assert differences(undisturbed, resumed) == []


@pytest.mark.parametrize('workers', [0, 1])
def test_run_resumed_at_the_end_of_an_epoch(tmp_path, workers):
    cfg = make_config(tmp_path / 'undisturbed', workers=workers, **EPOCHS)
    undisturbed = weights(cfg)
    resumed = resume(tmp_path, 'epoch_1.pth', workers=workers, **EPOCHS)
    assert differences(undisturbed, resumed) == []


def without(part: str) -> dict:
    """Return options that turn one part of the protection off."""
    cfg = make_config(Path('unused'))
    if part == 'GeneratorStateHook':
        hooks = [hook for hook in cfg.custom_hooks if part not in hook.type]
        return dict(custom_hooks=hooks)
    steps = cfg.train_dataloader.dataset.pipeline
    steps = [step for step in steps if part not in step.type]
    return {'train_dataloader.dataset.pipeline': steps}


@pytest.mark.parametrize(
    ('part', 'workers', 'workers_after'),
    # Upstream mmengine loads the skipped data too: as many workers have one history.
    [(STOCK, 1, 1), ('GeneratorStateHook', 1, 1), ('SeedByPosition', 2, 0)],
)
def test_control_without_protection_differs(tmp_path, part, workers, workers_after):
    variant, options = (STOCK, {}) if part == STOCK else (PROTECTED, without(part))
    options |= {'train_cfg.max_iters': 4}
    cfg = make_config(tmp_path / 'undisturbed', variant, workers, **options)
    undisturbed = weights(cfg)
    resumed = resume(tmp_path, 'iter_2.pth', variant, workers_after, **options)
    assert differences(undisturbed, resumed)


class FakeRunner:
    """What the hook reads of a Runner that resumes at iteration 8."""

    _resume, iter, logger = True, 8, getLogger('fake')

    def __init__(self, seed: int) -> None:
        self.seed = seed


def draw() -> list[float]:
    return [random.random(), np.random.rand(), torch.rand(()).item()]


def draw_after_resume(checkpoint: dict, seed: int) -> list[float]:
    hook, runner = GeneratorStateHook(), FakeRunner(seed)
    set_random_seed(seed)
    hook.after_load_checkpoint(runner, checkpoint)
    hook.before_train_epoch(runner)
    return draw()


def test_numbers_are_new_if_the_file_has_none_or_those_of_another_process(caplog):
    checkpoint = dict(meta=dict(seed=5))
    set_random_seed(5)
    first = draw()
    GeneratorStateHook().before_save_checkpoint(FakeRunner(5), checkpoint)
    second = draw()
    assert draw_after_resume(checkpoint, 5) == second
    other_process = draw_after_resume(checkpoint, 6)
    assert 'no generator_states' not in caplog.text
    old_file = draw_after_resume(dict(meta=dict(seed=5)), 5)
    assert 'no generator_states' in caplog.text
    numbers = first + second + other_process + old_file
    assert len({*numbers}) == len(numbers)
