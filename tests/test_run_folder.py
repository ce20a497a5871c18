"""Run folders and the command lines that name them."""

from pathlib import Path

import pytest

from mmseg_plugins.run_folder import (
    TRAINED,
    find_checkpoint,
    find_config,
    is_run,
    resolve_run,
    split_model_arguments,
)

pytestmark = pytest.mark.one_line


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ('names', 'chosen'),
    [
        (['iter_9.pth', 'iter_10.pth'], 'iter_10.pth'),
        (['epoch_9.pth', 'epoch_10.pth', 'x_99.pth'], 'epoch_10.pth'),
        (['iter_90.pth', 'best_mIoU_iter_80.pth'], 'best_mIoU_iter_80.pth'),
        (['best_mIoU_iter_9.pth', 'best_mIoU_iter_10.pth'], 'best_mIoU_iter_10.pth'),
        (['best_aAcc_iter_9.pth', 'best_mIoU_iter_8.pth'], 'best_mIoU_iter_8.pth'),
        (['best_mDice_epoch_2.pth', 'epoch_3.pth'], 'best_mDice_epoch_2.pth'),
        (['iter_9.pth', 'iter_9-9999.pth.unfinished'], 'iter_9.pth'),
    ],
)
def test_find_checkpoint(names, chosen, tmp_path):
    assert find_checkpoint(fill(tmp_path, *names)).name == chosen


def test_a_test_leaves_the_config_of_the_training(tmp_path):
    fill(tmp_path, 'fcn.py', 'last_test.py', 'iter_4.pth')
    assert is_run(tmp_path)
    assert find_config(tmp_path) == tmp_path / 'fcn.py'
    config, checkpoint, rest = split_model_arguments([str(tmp_path), 'a.jpg', 'b.jpg'])
    assert (config, checkpoint) == (f'{tmp_path}/fcn.py', f'{tmp_path}/iter_4.pth')
    assert rest == ['a.jpg', 'b.jpg']


@pytest.mark.parametrize(
    ('names', 'complaint'),
    [
        ([], 'has no config'),
        (['last_test.py'], 'has no config'),
        (['fcn.py', 'spnet.py'], r'several configs \(fcn.py, spnet.py\)'),
        (['fcn.py'], 'has no checkpoint'),
    ],
)
def test_a_folder_that_is_no_run(names, complaint, tmp_path):
    with pytest.raises(ValueError, match=complaint):
        split_model_arguments([str(fill(tmp_path, *names))])


def test_words(tmp_path, monkeypatch):
    words = ['fcn.py', 'fcn.pth', 'a.jpg']
    assert split_model_arguments(words) == ('fcn.py', 'fcn.pth', ['a.jpg'])
    for few in ([], ['fcn.py']):
        with pytest.raises(ValueError, match='give a run folder, or a config and a'):
            split_model_arguments(few)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'scenes').mkdir()
    assert resolve_run('scenes') == TRAINED['scenes']
    assert resolve_run('./scenes') == Path('scenes')
    assert resolve_run('fcn.py') is None
    assert not is_run('scenes')
