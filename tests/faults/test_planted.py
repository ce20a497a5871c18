"""Nothing in a checkpoint runs; the stock host runs it, which shows that it could."""

import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import host_tool
import inspect_model
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_from_local
from mmseg.apis import MMSegInferencer, init_model
from mmseg.registry import MODELS

from mmseg_plugins import CheckpointCheckHook, safe_loading
from tests.faults.small_run import (
    PROTECTED,
    STOCK,
    STOCK_TOOLS,
    load,
    make_config,
    run_tool,
    train,
)


class Plant:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def write(cfg: Config) -> str:
    path = f'{cfg.work_dir}.py'
    cfg.dump(path)
    return path


def run_in_process(name: str, cfg: Config, *arguments: str) -> None:
    """Run a tool as from the command line, without the cost of another process."""
    cfg.experiment_name = Path(cfg.work_dir).parent.name
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [name, write(cfg), *arguments])
        if cfg.custom_hooks:
            host_tool.run_host_tool(name)
        else:
            runpy.run_path(str(STOCK_TOOLS / name), run_name='__main__')


def evaluate(cfg: Config, file: str) -> None:
    run_in_process('test.py', cfg, file)


def load_from(cfg: Config, file: str) -> None:
    cfg.load_from = file
    run_in_process('train.py', cfg)


def resume_from_file(cfg: Config, file: str) -> None:
    cfg.load_from = file
    run_in_process('train.py', cfg, '--resume')


def resume_last(cfg: Config, file: str) -> None:
    folder = Path(cfg.work_dir)
    folder.mkdir()
    shutil.copy(file, folder / 'iter_2.pth')
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_2.pth'))
    run_in_process('train.py', cfg, '--resume')


def init_backbone(cfg: Config, file: str) -> None:
    init_cfg = dict(type='Pretrained', checkpoint=file, prefix='backbone')
    cfg.model.backbone.init_cfg = init_cfg
    MODELS.build(cfg.model).init_weights()


def inspect(cfg: Config, file: str) -> None:
    inspect_model.main([write(cfg), file, 'scene://1/64/96'])


def infer(cfg: Config, file: str) -> None:
    MMSegInferencer(write(cfg), file, device='cpu')


def infer_without_config(cfg: Config, file: str) -> None:
    MMSegInferencer(None, file, device='cpu')


def init_by_api(cfg: Config, file: str) -> None:
    init_model(write(cfg), file, device='cpu')


CODE = [
    evaluate,
    load_from,
    resume_from_file,
    resume_last,
    init_backbone,
    inspect,
    infer,
    infer_without_config,
    init_by_api,
]
TEXTS = [  # attack, place of the text
    (resume_from_file, ('meta', 'config')),
    (resume_last, ('meta', 'config')),
    (infer_without_config, ('message_hub', 'runtime_info', 'cfg')),
    (infer_without_config, ('meta', 'cfg')),
]


@pytest.fixture(scope='module')
def honest(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('honest')
    train(make_config(folder, **{'train_cfg.max_iters': 2}))
    return folder / 'iter_2.pth'


@pytest.fixture(params=[PROTECTED, STOCK])
def variant(request, monkeypatch) -> Iterator[str]:
    # Users of upstream set it, because mmengine 0.10.7 cannot resume without it.
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    register = partial(CheckpointLoader.register_scheme, '', force=True)
    if request.param == STOCK:
        register(load_from_local)
    yield request.param
    register(safe_loading.load_from_local)


def run_attack(attack: Callable, variant: str, folder: Path, file: Path) -> None:
    cfg = make_config(folder / 'run', variant, **{'train_cfg.max_iters': 3})
    if variant == PROTECTED:
        attack(cfg, str(file))
    else:
        with suppress(Exception, SystemExit):  # what counts is whether the plant ran
            attack(cfg, str(file))


@pytest.mark.parametrize(
    ('attack', 'zipped'), [(evaluate, False), *((attack, True) for attack in CODE)]
)
def test_planted_code(attack, zipped, variant, honest, tmp_path):
    marker, file = tmp_path / 'marker', tmp_path / 'planted.pth'
    planted = load(honest) | dict(plant=Plant(marker))
    torch.save(planted, file, _use_new_zipfile_serialization=zipped)
    if variant == STOCK:
        run_attack(attack, variant, tmp_path, file)
        assert marker.exists()
    else:
        with pytest.raises((ValueError, SystemExit), match=r'--trust \S+.pth') as error:
            run_attack(attack, variant, tmp_path, file)
        assert 'pathlib' in str(error.value)  # it names what the file asks for
        assert not marker.exists()


@pytest.mark.parametrize(('attack', 'place'), TEXTS)
def test_planted_text(attack, place, variant, honest, tmp_path):
    marker, file = tmp_path / 'marker', tmp_path / 'planted.pth'
    planted = load(honest)
    del planted['message_hub']['runtime_info']['cfg']
    group = planted
    for key in place[:-1]:
        group = group[key]
    group[place[-1]] = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    torch.save(planted, file)
    if attack is infer_without_config and variant == PROTECTED:
        with pytest.raises(ValueError, match='Cannot find the config'):
            run_attack(attack, variant, tmp_path, file)
    else:
        run_attack(attack, variant, tmp_path, file)
    assert marker.exists() == (variant == STOCK)
    if attack is not infer_without_config:
        assert load(tmp_path / 'run/iter_3.pth')['meta']['iter'] == 3  # it resumed


def test_the_command_line_and_the_word_that_trusts(honest, tmp_path):
    marker, file = tmp_path / 'marker', tmp_path / 'planted.pth'
    torch.save(load(honest) | dict(plant=Plant(marker)), file)
    cfg = make_config(tmp_path / 'run')
    done = run_tool(cfg, file, tool='test.py')
    assert done.returncode == 1
    assert f'--trust {file}' in done.stderr.splitlines()[-1]
    assert not marker.exists()
    done = run_tool(cfg, '--trust', file, file, tool='test.py')
    assert done.returncode == 0, done.stderr[-2000:]
    assert marker.exists()


def test_the_config_key_that_trusts(honest, tmp_path, monkeypatch):
    marker, file = tmp_path / 'marker', tmp_path / 'planted.pth'
    torch.save(load(honest) | dict(plant=Plant(marker)), file)
    monkeypatch.chdir(tmp_path)
    options = {'train_cfg.max_iters': 3, 'trusted_checkpoints': ['planted.pth']}
    load_from(make_config(tmp_path / 'run', **options), str(file))
    assert marker.exists()
    runner = SimpleNamespace(cfg=dict(trusted_checkpoints='planted.pth'))
    with pytest.raises(ValueError, match='must be a list'):
        CheckpointCheckHook().before_run(runner)
