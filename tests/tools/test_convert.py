"""tools/convert.py, run as a user runs it."""

import io
import os
import zipfile
from pathlib import Path

import convert
import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint

from mmseg_plugins.backbones import FCNVGG
from mmseg_plugins.converters import convert_fcn
from tests.converters.test_caffemodel import layers, save
from tests.converters.test_fcn import assert_equal, caffe_weights, with_scales, zero_net
from tests.python_process import run_python
from tests.tools.tiny_training import ROOT


@pytest.fixture
def run(tmp_path, capsys):
    """Run the tool; returns the exit code and the last line that it printed."""
    main = convert.main

    def run(source, *options, name='fcn', target='out/fcn.pth'):
        code = main([name, str(source), str(tmp_path / target), *options])
        printed = capsys.readouterr()
        assert code == 0 or printed.err.count('\n') == 1
        return code, (printed.err if code else printed.out).strip().split('\n')[-1]

    return run


def files_in(path: Path) -> list[str]:
    return sorted(p.name for p in path.rglob('*') if p.is_file())


@pytest.fixture
def weights():
    return {key: value.float() for key, value in caffe_weights(8).items()}


def test_a_caffemodel_becomes_a_checkpoint_for_load_from(run, weights, tmp_path):
    weights = with_scales(weights)
    source = save(tmp_path / 'fcn8s-atonce.caffemodel', *layers(weights))
    assert run(source) == (0, f'{tmp_path}/out/fcn.pth: 36 weights')
    model = zero_net(8).float()
    load_checkpoint(model, str(tmp_path / 'out/fcn.pth'), strict=True)
    assert_equal(model.state_dict(), convert_fcn(weights))


def test_a_classifier_becomes_a_checkpoint_for_init_cfg(run, weights, tmp_path):
    classifier = {k: v for k, v in weights.items() if 'score' not in k}
    source = save(tmp_path / 'vgg16.caffemodel', *layers(classifier))
    assert run(source, name='vgg16') == (0, f'{tmp_path}/out/fcn.pth: 30 weights')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'out/fcn.pth'))
    backbone = FCNVGG(base_channels=2, fc_channels=10, init_cfg=init_cfg)
    backbone.init_weights()
    assert torch.equal(backbone.conv1_1.conv.weight, weights['conv1_1.weight'])
    assert torch.equal(backbone.fc6.conv.weight, weights['fc6.weight'])


def test_a_checkpoint_of_the_trainer_of_pytorch_fcn(run, weights, tmp_path):
    checkpoint = dict(epoch=1, arch='FCN8s', best_mean_iu=np.float64(0.6))
    torch.save(checkpoint | dict(model_state_dict=weights), tmp_path / 'fcn8s.pth')
    for name, at_once in (('fcn', False), ('fcn-at-once', True)):
        assert run(tmp_path / 'fcn8s.pth', '--overwrite', name=name)[0] == 0
        stored = torch.load(tmp_path / 'out/fcn.pth', weights_only=True)
        assert stored['meta'] == {'converter': name, 'source': 'fcn8s.pth'}
        assert_equal(stored['state_dict'], convert_fcn(weights, at_once=at_once))


def deflate(content):
    """Return the bytes of a checkpoint whose zip file is compressed."""
    plain, packed = io.BytesIO(), io.BytesIO()
    torch.save(content, plain)
    source = zipfile.ZipFile(plain)
    with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return packed.getvalue()


class Code:
    """Something that a file of weights must not hold."""


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('nowhere.pth', None, 'nowhere.pth is not a file: correct the path'),
        ('page.pth', b'<!DOCTYPE html></html>', 'page.pth cannot be read as weights'),
        ('empty.pth', b'', 'empty.pth cannot be read as weights'),
        ('page.caffemodel', b'<!DOCTYPE html>', 'page.caffemodel is not a complete'),
        ('code.pth', {'model': Code()}, 'code.pth cannot be read as weights'),
        ('list.pth', [torch.zeros(1)], 'list.pth does not hold a state dict'),
        ('other.pth', {'fc8.bias': torch.zeros(1)}, "'conv1_1.weight' is missing"),
        ('many.pth', {'conv1_1.bias': torch.zeros(1).expand(2**62)}, 'than the file'),
        (
            'in.pth',
            {'model': {'x': torch.zeros(1).expand(2**62)}},
            'larger than the file',
        ),
        ('deflated.pth', deflate({'x': torch.zeros(10**6)}), 'it is compressed'),
    ],
)
def test_a_wrong_file_gives_one_sentence(run, tmp_path, name, content, words):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        torch.save(content, tmp_path / name)
    before = files_in(tmp_path)
    code, message = run(tmp_path / name)
    assert code == 2
    assert words in message
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    'make', [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)]
)
def test_a_source_that_is_no_file_is_refused(run, tmp_path, make):
    make(tmp_path / 'fcn8s.pth')
    assert 'is not a file: correct the path' in run(tmp_path / 'fcn8s.pth')[1]
    assert not (tmp_path / 'out').exists()


def test_the_source_is_never_overwritten(run, weights, tmp_path):
    source = tmp_path / 'fcn8s.pth'
    torch.save(weights, source)
    content = source.read_bytes()
    message = run(source, '--overwrite', target='fcn8s.pth')[1]
    assert message.endswith('is the source itself: change the name')
    assert source.read_bytes() == content


def test_a_file_that_is_cut_off_gives_one_sentence(run, weights, tmp_path):
    source = tmp_path / 'fcn8s.pth'
    torch.save(weights, source)
    source.write_bytes(source.read_bytes()[:-1000])
    assert 'fcn8s.pth cannot be read' in run(source)[1]


def test_an_existing_target_is_kept(run, weights, tmp_path, monkeypatch):
    source, target = tmp_path / 'fcn8s.pth', tmp_path / 'old.pth'
    torch.save(weights, source)
    target.write_text('old')
    message = run(source, target='old.pth')[1]
    assert message.endswith('old.pth exists: add --overwrite, or change the name')

    def full(content, path):
        Path(path).write_text('half')
        raise RuntimeError('unexpected pos 576 vs 534')

    with monkeypatch.context() as patch:
        patch.setattr(torch, 'save', full)
        code, message = run(source, '--overwrite', target='old.pth')
    assert code == 2
    assert 'old.pth cannot be written: free disk space' in message
    assert files_in(tmp_path) == ['fcn8s.pth', 'old.pth']
    assert target.read_text() == 'old'
    assert run(source, '--overwrite', target='old.pth')[0] == 0
    assert torch.load(target, weights_only=True)['state_dict']


@pytest.mark.one_line
def test_the_command_line(weights, tmp_path):
    torch.save(weights, tmp_path / 'fcn8s.pth')
    script = [ROOT / 'tools/convert.py', 'fcn']
    for source, code in (('fcn8s.pth', 0), ('nowhere.pth', 2)):
        command = [*script, tmp_path / source, tmp_path / 'out.pth']
        done = run_python(*command)
        assert done.returncode == code, done.stderr
        assert code or 'FCN-8s of VGG16; learned upsampling: none' in done.stdout
