"""Places that the tools which write one file refuse, and what is there afterwards."""

import os

import convert
import draw_scenes
import pytest
import torch

from tests.tools.test_convert import caffe_weights

pytestmark = pytest.mark.one_line


@pytest.fixture(params=['convert', 'draw_scenes'])
def write(request, tmp_path, capsys):
    """Run a tool on a target; returns the exit code and the error."""
    source = tmp_path / 'source.pth'
    torch.save({k: v.float() for k, v in caffe_weights(8).items()}, source)

    def write(target):
        if request.param == 'convert':
            code = convert.main(['fcn', str(source), str(target), '--overwrite'])
        else:
            code = draw_scenes.main(['--out', str(target), '--rows', '1'])
        return code, capsys.readouterr().err

    return write


def tree(folder):
    """Return type and content of everything in a folder."""
    return {
        path: os.readlink(path)
        if path.is_symlink()
        else (path.lstat().st_mode, path.is_file() and path.read_bytes())
        for path in folder.rglob('*')
    }


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (lambda path: path.mkdir(), 'x.png is a folder, pipe, device or broken link'),
        (os.mkfifo, 'x.png is a folder, pipe, device or broken link'),
        (lambda path: path.symlink_to(path), 'x.png is a folder, pipe, device or'),
        (lambda path: path.symlink_to('nowhere'), 'x.png is a folder, pipe, device or'),
        (lambda path: path.symlink_to('/dev/null'), 'x.png is a folder, pipe, device'),
        (
            lambda path: path.with_name('.unfinished-x.png').write_text('half'),
            '.unfinished-x.png is left from a run',
        ),
    ],
)
def test_a_wrong_place_is_refused(write, tmp_path, make, words):
    make(tmp_path / 'x.png')
    before = tree(tmp_path)
    code, message = write(tmp_path / 'x.png')
    assert code == 2
    assert words in message
    assert message.count('\n') == 1
    assert tree(tmp_path) == before


def test_a_parent_that_is_a_file_is_refused(write, tmp_path):
    (tmp_path / 'parent').write_text('old')
    code, message = write(tmp_path / 'parent/x.png')
    assert (code, message.count('\n')) == (2, 1)
    assert 'parent is not a folder: change the name' in message
    assert (tmp_path / 'parent').read_text() == 'old'


def test_a_file_is_replaced(write, tmp_path):
    (tmp_path / 'x.png').write_text('old')
    assert write(tmp_path / 'x.png') == (0, '')
    assert (tmp_path / 'x.png').stat().st_size > 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ['source.pth', 'x.png']


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('--rows=0', '--rows 0 --columns 3: both must be at least 1'),
        ('--first-seed=-1', 'seed=-1: must be an integer, at least 0'),
        ('--out=x.text', 'x.text: the name must end with .png'),
    ],
)
def test_wrong_arguments_of_draw_scenes(tmp_path, capsys, option, words):
    assert draw_scenes.main(['--out', str(tmp_path / 'x.png'), option]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
