"""SafeCheckpointHook against mmengine's CheckpointHook, with the same options."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.fileio.backends import prefix_to_backends
from mmengine.hooks import Hook

from mmseg_plugins.checkpoint_files import WholeFileBackend, first_non_finite
from tests.faults.small_run import build, load, make_config

BEST = dict(save_best='mIoU', rule='greater')
BY_EPOCH = {
    'default_hooks.checkpoint.by_epoch': True,
    'train_cfg': dict(
        _delete_=True, type='EpochBasedTrainLoop', max_epochs=3, val_interval=1
    ),
    'train_dataloader.sampler.type': 'mmseg_plugins.DefaultPositionSampler',
    'train_dataloader.dataset.num_scenes': 4,
    'param_scheduler': [],
}
STOCK_HOOK = {'default_hooks.checkpoint.type': 'CheckpointHook'}


def run(
    folder: Path, hooks: tuple = (), changes: dict | None = None, **options
) -> Path:
    """Train for three iterations, with a checkpoint after each."""
    options = dict(interval=1, save_best=None) | options
    cfg = make_config(
        folder,
        **{'train_cfg.max_iters': 3, 'train_cfg.val_interval': 1},
        **{f'default_hooks.checkpoint.{key}': value for key, value in options.items()},
    )
    cfg.merge_from_dict(deepcopy(changes or {}))
    runner = build(cfg)
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return folder


ONE_LINE = pytest.mark.one_line  # the others cover the differences of the hosts


@pytest.mark.parametrize(
    ('changes', 'options'),
    [
        ({}, {}),
        pytest.param({}, dict(max_keep_ckpts=1), marks=ONE_LINE),
        ({}, dict(max_keep_ckpts=2, **BEST)),
        pytest.param(
            {}, dict(save_best=['mIoU', 'aAcc'], rule='greater'), marks=ONE_LINE
        ),
        pytest.param({}, dict(interval=10, save_last=False, **BEST), marks=ONE_LINE),
        pytest.param(
            {}, dict(interval=10, published_keys=['meta', 'state_dict']), marks=ONE_LINE
        ),
        pytest.param(
            {}, dict(filename_tmpl='step-{}.pth', save_optimizer=False), marks=ONE_LINE
        ),
        (BY_EPOCH, dict(max_keep_ckpts=2, **BEST)),
        ({'custom_hooks': [dict(type='EMAHook')]}, {}),
    ],
    ids=str,
)
def test_it_writes_what_the_hook_of_mmengine_writes(changes, options, tmp_path):
    ours = run(tmp_path / 'ours', changes=changes, **options)
    stock = run(tmp_path / 'stock', changes=changes | STOCK_HOOK, **options)
    names = {path.name.split('-')[0] for path in stock.glob('*.pth')}
    assert {path.name.split('-')[0] for path in ours.glob('*.pth')} == names
    assert (ours / 'last_checkpoint').exists() == (stock / 'last_checkpoint').exists()
    if 'published_keys' in options:
        (published,) = ours.glob('*-*.pth')
        assert 'cfg' in load(published)['meta']
    for path in stock.glob('*_*.pth'):
        if '-' in path.name:  # published: its name has a checksum of its content
            continue
        expected, actual = load(path), load(ours / path.name)
        assert actual.keys() == expected.keys()
        for part in ('state_dict', 'ema_state_dict'):
            for key, value in expected.get(part, {}).items():
                assert torch.equal(actual[part][key], value)
        info, wanted = (x['message_hub']['runtime_info'] for x in (actual, expected))
        assert info.get('keep_ckpt_ids') == wanted.get('keep_ckpt_ids')
        last = wanted.get('last_ckpt', '')  # none if only the best one is saved
        assert info.get('last_ckpt', '') == last.replace('/stock/', '/ours/')


class NaNWeights(Hook):
    """Sets a weight to NaN in the second iteration and later."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter >= 1:
            runner.model.decode_head.conv_seg.bias.data[0] = torch.nan


@pytest.mark.parametrize(('changes', 'kept'), [({}, [1, 3]), (STOCK_HOOK, [3])])
def test_the_newest_finite_checkpoint_is_kept(changes, kept, tmp_path):
    """Control: mmengine keeps the newest, whatever it holds."""
    changes = changes | dict(custom_hooks=[], **{'train_cfg.val_interval': 10})
    run(tmp_path / 'run', (NaNWeights(),), changes, max_keep_ckpts=1)
    assert sorted((tmp_path / 'run').glob('*.pth')) == [
        tmp_path / f'run/iter_{number}.pth' for number in kept
    ]


class WatchFolder(Hook):
    """Notes which checkpoints there are while one is saved."""

    def __init__(self):
        self.notes = []

    def before_save_checkpoint(self, runner, checkpoint):
        folder = Path(runner.work_dir)
        self.notes.append(sorted(path.name for path in folder.glob('*.pth')))


@pytest.mark.parametrize(('changes', 'waits'), [({}, True), (STOCK_HOOK, False)])
def test_a_checkpoint_is_deleted_after_the_next_is_written(changes, waits, tmp_path):
    """Control: mmengine deletes first."""
    watch = WatchFolder()
    changes = changes | {'train_cfg.val_interval': 10}
    run(tmp_path / 'run', (watch,), changes, max_keep_ckpts=1)
    assert watch.notes == [[], ['iter_1.pth'] * waits, ['iter_2.pth'] * waits]


def test_what_a_kill_left_unfinished_is_removed(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/iter_3.pth.unfinished').touch()
    run(tmp_path / 'run', interval=10, save_last=False)
    assert not list((tmp_path / 'run').glob('*.unfinished'))


def test_other_files_are_written_as_ever(tmp_path):
    run(tmp_path / 'run')
    assert prefix_to_backends[''] is LocalBackend


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'name').mkdir()
    with pytest.raises(OSError, match='name could not be written: Is a directory'):
        WholeFileBackend().put(b'', tmp_path / 'name')
    assert [path.name for path in tmp_path.iterdir()] == ['name']


def test_first_non_finite():
    finite = dict(a=torch.zeros(2), b=torch.ones(1, dtype=torch.int64), c='text')
    assert first_non_finite(finite) is None
    for value in (torch.nan, torch.inf, -torch.inf):
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            bad = torch.tensor([0.0, value], dtype=dtype)
            assert first_non_finite(finite | dict(d=bad)) == 'd'


def read_log(folder: Path) -> str:
    return '\n'.join(path.read_text() for path in folder.glob('*/*.log'))


def test_a_metric_that_the_validation_does_not_have(tmp_path):
    folder = run(tmp_path, save_best='mFscore', rule='greater')
    assert 'No best checkpoint is kept: the validation has no mFscore' in read_log(
        folder
    )
    assert (folder / 'iter_3.pth').is_file()
    assert not [*folder.glob('best_*')]


def test_a_training_goes_on_from_the_newest_checkpoint_not_from_the_best(tmp_path):
    """A test may have left the name of the best checkpoint in the config."""
    folder = run(tmp_path, **BEST)
    (best,) = folder.glob('best_mIoU_*.pth')
    changes = dict(load_from=str(best), resume=True)
    run(tmp_path, changes=changes | {'train_cfg.max_iters': 4}, **BEST)
    assert 'resumed epoch: 0, iter: 3' in read_log(folder)
    assert (folder / 'iter_4.pth').is_file()
    assert len([*folder.glob('best_mIoU_*.pth')]) == 1
