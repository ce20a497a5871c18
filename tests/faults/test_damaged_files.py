"""Damaged, missing, foreign and unwritable files of a run, and what --resume does then.

The controls use mmengine's loader and hooks. torch from 2.6 on would refuse mmengine's
checkpoints on the upstream host, so the controls let it load everything, as before.
"""

import functools
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.runner import CheckpointLoader, FlexibleRunner, Runner, checkpoint

from tests.faults.small_run import PROTECTED, STOCK, load, make_config, train

VARIANTS = (PROTECTED, STOCK)
WITH_BEST = {
    'default_hooks.checkpoint.save_best': 'mIoU',
    'default_hooks.checkpoint.rule': 'greater',
    'train_cfg.val_interval': 2,
}


def run(folder: Path, max_iters: int, variant: str = PROTECTED, **options) -> Runner:
    """Train with a checkpoint after each iteration."""
    options = {
        'default_hooks.checkpoint.interval': 1,
        'train_cfg.max_iters': max_iters,
    } | options
    return train(make_config(folder, variant, **options))


def log_of(runner: Runner) -> str:
    return next(Path(runner.log_dir).glob('*.log')).read_text()


@pytest.fixture
def stock_loader(monkeypatch):
    """Load checkpoints as mmengine does without our package."""
    monkeypatch.setitem(CheckpointLoader._schemes, '', checkpoint.load_from_local)
    unsafe = functools.partial(torch.load, weights_only=False)
    monkeypatch.setattr(torch, 'load', unsafe)


@pytest.fixture(scope='module')
def finished(tmp_path_factory) -> Path:
    """Return the folder of a run with iter_1.pth to iter_3.pth."""
    folder = tmp_path_factory.mktemp('finished') / 'run'
    run(folder, 3)
    return folder


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    """Return a copy of the run, whose last_checkpoint names a file of the copy."""
    copy = shutil.copytree(finished, tmp_path / 'run')
    (copy / 'last_checkpoint').write_text(str(copy / 'iter_3.pth'))
    return copy


def overwrite_name(content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / 'last_checkpoint').write_bytes(content) and None


def remove_name(folder: Path) -> None:
    (folder / 'last_checkpoint').unlink()


def cut_name(folder: Path) -> None:
    path = folder / 'last_checkpoint'
    path.write_text(path.read_text()[:-6])


def cut(share: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = (folder / 'iter_3.pth').read_bytes()
        (folder / 'iter_3.pth').write_bytes(content[: int(share * len(content))])

    return damage


def flip_bytes(folder: Path) -> None:
    path = folder / 'iter_3.pth'
    content = bytearray(path.read_bytes())
    weight = load(path)['state_dict']['backbone.fc6.conv.weight'].numpy().tobytes()
    start = content.index(weight)
    content[start : start + 64] = bytes(byte ^ 255 for byte in weight[:64])
    path.write_bytes(content)


def change(function: Callable[[dict], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        changed = load(folder / 'iter_3.pth')
        function(changed)
        torch.save(changed, folder / 'iter_3.pth')

    return damage


STOPS, BEGINS_ANEW, GOES_ON = 'stops', 'begins anew', 'goes on with the damaged file'
CASES = {  # damage, iteration to resume from, part of our log, what mmengine does
    'name empty': (overwrite_name(b''), 3, '', STOPS),
    'name missing': (remove_name, 3, '', BEGINS_ANEW),
    'name cut': (cut_name, 3, '', STOPS),
    'name of NUL bytes': (overwrite_name(b'\0' * 60), 3, '', STOPS),
    'newest empty': (cut(0), 2, 'cannot be read', STOPS),
    'newest cut to 10 %': (cut(0.1), 2, 'cannot be read', STOPS),
    'newest cut to 99 %': (cut(0.99), 2, 'cannot be read', STOPS),
    'newest with 64 flipped bytes': (flip_bytes, 2, 'checksum', GOES_ON),
    'newest with NaN weights': (
        change(lambda x: x['state_dict']['decode_head.conv_seg.bias'].fill_(torch.nan)),
        2,
        'decode_head.conv_seg.bias has NaN',
        GOES_ON,
    ),
    'newest without optimizer': (
        change(lambda x: x.pop('optimizer')),
        2,
        'it has no optimizer',
        GOES_ON,
    ),
    'newest without message_hub': (
        change(lambda x: x.pop('message_hub')),
        2,
        'it has no message_hub',
        STOPS,
    ),
}
EACH_CASE = pytest.mark.parametrize(
    ('damage', 'iteration', 'reason', 'stock'), CASES.values(), ids=CASES
)


@EACH_CASE
def test_resume_takes_the_newest_good_checkpoint(
    damage, iteration, reason, stock, folder
):
    damage(folder)
    runner = run(folder, 4, resume=True)
    log = log_of(runner)
    assert f'resumed epoch: 0, iter: {iteration}' in log
    assert f'iter_{iteration}.pth, the newest checkpoint that is whole' in log
    assert ('iter_3.pth is left out' in log) == (iteration == 2)
    assert reason in log
    saved = load(folder / 'iter_4.pth')
    assert saved['meta']['iter'] == 4
    assert all(value.isfinite().all() for value in saved['state_dict'].values())
    assert (folder / 'last_checkpoint').read_text() == str(folder / 'iter_4.pth')


@EACH_CASE
@pytest.mark.usefixtures('stock_loader')
def test_control_mmengine_stops_or_loses_the_run(
    damage, iteration, reason, stock, folder
):
    damage(folder)
    try:
        runner = run(folder, 4, STOCK, resume=True)
    except Exception:
        assert stock == STOPS
        return
    goes_on = 'resumed epoch: 0, iter: 3' in log_of(runner)
    assert stock == (GOES_ON if goes_on else BEGINS_ANEW)


def test_without_a_good_checkpoint_each_is_named(folder):
    for number in (1, 2, 3):
        (folder / f'iter_{number}.pth').write_bytes(b'')
    message = r'(?s)can be resumed.*iter_3.pth.*iter_2.pth.*iter_1.pth.*--work-dir'
    with pytest.raises(ValueError, match=message):
        run(folder, 4, resume=True)


def test_a_named_checkpoint_is_checked(folder):
    change(lambda x: x.pop('optimizer'))(folder)
    path = str(folder / 'iter_3.pth')
    with pytest.raises(ValueError, match='cannot be resumed: it has no optimizer'):
        run(folder, 4, resume=True, load_from=path)
    (folder / 'other').mkdir()
    run(folder / 'other', 1, load_from=path)  # as the message says


def test_resume_does_not_write_a_foreign_run_over_this_one(folder, tmp_path):
    foreign = tmp_path / 'foreign'
    foreign.mkdir()
    shutil.copy(folder / 'iter_2.pth', foreign)
    with pytest.raises(ValueError, match=r'load_from=.* set load_from=None'):
        run(folder, 4, resume=True, load_from=str(foreign / 'iter_2.pth'))
    runner = run(folder, 4, resume=True, load_from=None)
    assert 'Load checkpoint from ' + str(folder / 'iter_3.pth') in log_of(runner)


def test_resume_takes_the_kind_of_checkpoint_that_the_run_writes(folder):
    shutil.copy(folder / 'iter_1.pth', folder / 'epoch_9.pth')
    runner = run(folder, 4, resume=True)
    assert 'Load checkpoint from ' + str(folder / 'iter_3.pth') in log_of(runner)


def test_no_run_begins_over_another(folder, tmp_path):
    before = {path: path.read_bytes() for path in folder.glob('*.pth')}
    with pytest.raises(ValueError, match=r'iter_3\.pth is the newest.*--resume'):
        run(folder, 2)
    assert {path: path.read_bytes() for path in folder.glob('*.pth')} == before
    run(tmp_path / 'other', 1)  # as the message says
    (folder / 'iter_3.pth').rename(folder / 'epoch_3.pth')
    with pytest.raises(ValueError, match=r'epoch_3\.pth is the newest'):
        run(folder, 2)


def test_control_mmengine_begins_over_another_run(folder):
    before = (folder / 'iter_1.pth').read_bytes()
    run(folder, 1, STOCK)
    assert (folder / 'iter_1.pth').read_bytes() != before


@pytest.mark.parametrize('variant', VARIANTS)
def test_a_copied_run_leaves_the_original_alone(variant, tmp_path, request):
    """Control: mmengine resumes from the original, and deletes its best checkpoint."""
    if variant == STOCK:
        request.getfixturevalue('stock_loader')
    original, copy = tmp_path / 'original', tmp_path / 'copy'
    run(original, 2, variant, **WITH_BEST)
    path = original / 'iter_2.pth'
    saved = load(path)  # any later score is better
    saved['message_hub']['runtime_info']['best_score'] = -1.0
    torch.save(saved, path)
    shutil.copytree(original, copy)
    before = {path.name for path in original.rglob('*')}
    runner = run(copy, 4, variant, resume=True, **WITH_BEST)
    after = {path.name for path in original.rglob('*')}
    lost = {'best_mIoU_iter_2.pth'} if variant == STOCK else set()
    assert before - after == lost
    source = copy if variant == PROTECTED else original
    assert f'Load checkpoint from {source}/iter_2.pth' in log_of(runner)
    assert (copy / 'best_mIoU_iter_4.pth').is_file()


@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('name', ['../foreign', 'notes', 'best_x/../../foreign'])
def test_best_ckpt_of_a_checkpoint_deletes_no_folder(
    variant, name, folder, tmp_path, request
):
    """Control: mmengine deletes the folder."""
    if variant == STOCK:
        request.getfixturevalue('stock_loader')
    (folder / 'best_x').mkdir()
    target = folder / name
    target.mkdir(exist_ok=True)
    (target / 'file').touch()

    def plant(saved: dict) -> None:
        info = saved['message_hub']['runtime_info']
        info.update(best_ckpt=str(target), best_score=-1.0, keep_ckpt_ids=['../x'])

    change(plant)(folder)
    runner = run(folder, 4, variant, resume=True, **WITH_BEST)
    assert (target / 'file').exists() == (variant == PROTECTED)
    if variant == PROTECTED:
        assert f'best_ckpt={str(target)!r} of the checkpoint is ignored' in log_of(
            runner
        )
        assert "keep_ckpt_ids=['../x'] of the checkpoint is ignored" in log_of(runner)


@pytest.fixture
def small_disk():
    """Let no file of this process grow beyond 300 000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


ROTATION = {'default_hooks.checkpoint.max_keep_ckpts': 3}


def test_a_full_disk_ends_in_a_sentence_and_costs_nothing(folder, small_disk):
    before = {path: path.read_bytes() for path in folder.glob('*.pth')}
    with pytest.raises(OSError, match='could not be written') as error:
        run(folder, 4, resume=True, **ROTATION)
    message = str(error.value)
    assert f'{folder}/iter_4.pth could not be written: File too large' in message
    assert 'MiB are free' in message
    assert 'best_mIoU_iter_3.pth, iter_1.pth, iter_2.pth, iter_3.pth.' in message
    files = {path: path.read_bytes() for path in folder.glob('*.pth')}
    assert files == before
    small_disk()
    run(folder, 4, resume=True, **ROTATION)  # as the message says


@pytest.mark.usefixtures('stock_loader')
def test_control_on_a_full_disk_mmengine_leaves_a_cut_file(folder, small_disk):
    with pytest.raises(OSError, match='File too large') as error:
        run(folder, 4, STOCK, resume=True, **ROTATION)
    assert 'iter_4' not in str(error.value)
    assert (folder / 'iter_4.pth').stat().st_size == 300_000


def test_flexible_runner_needs_no_last_checkpoint(folder):
    """It loads before the hooks run."""
    remove_name(folder)
    cfg = make_config(folder, **{'train_cfg.max_iters': 4})
    cfg.experiment_name = 'flexible_runner'
    cfg.strategy = dict(type='SingleDeviceStrategy')
    with pytest.raises(ValueError, match=r'iter_3\.pth is the newest.*--resume'):
        FlexibleRunner.from_cfg(cfg).train()
    cfg.resume = True
    runner = FlexibleRunner.from_cfg(cfg)
    runner.train()
    assert 'resumed epoch: 0, iter: 3' in log_of(runner)
