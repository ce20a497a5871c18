"""tools/convert.py, run as a user runs it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint
from test_caffemodel import blob, layer, layers, save
from test_fcn import CLASSES, FC_CHANNELS, WIDTH, caffe_weights, with_scales
from tool_modules import ROOT, import_tool

from mmseg_plugins.converters import convert_fcn
from mmseg_plugins.registry import MODELS

SCRIPT = ROOT / 'tools/convert.py'
SEGMENTOR = dict(
    type='mmseg.EncoderDecoder',
    backbone=dict(
        type='mmseg_plugins.FCNVGG', base_channels=WIDTH, fc_channels=FC_CHANNELS
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[WIDTH * 4, WIDTH * 8, FC_CHANNELS],
        in_index=[0, 1, 2],
        num_classes=CLASSES,
    ),
)


@pytest.fixture(scope='module')
def converter():
    return import_tool('convert')


@pytest.fixture
def run(converter, tmp_path, capsys):
    """Run the converter; returns the exit code and what it said."""

    def run(source, *options, name='fcn', target='out/fcn.pth'):
        target = tmp_path / target
        code = converter.main([name, str(source), str(target), *options])
        said = capsys.readouterr()
        return code, (said.err if code else said.out).strip()

    return run


@pytest.fixture
def weights():
    return {key: value.float() for key, value in caffe_weights(8).items()}


def files_in(path: Path) -> list[str]:
    return sorted(p.name for p in path.rglob('*') if p.is_file())


def test_a_caffemodel_becomes_a_checkpoint_for_load_from(run, weights, tmp_path):
    weights = with_scales(weights)
    for pool in ('pool4', 'pool3'):
        weights[f'scale_{pool}.weight'] = weights[f'scale_{pool}.weight'].float()
    source = save_caffemodel(tmp_path / 'fcn8s-atonce.caffemodel', weights)
    assert run(source) == (0, f'{tmp_path}/out/fcn.pth: 36 tensors')
    model = MODELS.build(SEGMENTOR)
    load_checkpoint(model, str(tmp_path / 'out/fcn.pth'), strict=True)
    expected = convert_fcn(weights)
    assert model.state_dict().keys() == expected.keys()
    for key, value in model.state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_a_classifiers_caffemodel_becomes_a_checkpoint_for_init_cfg(
    run, weights, tmp_path
):
    classifier = {
        key: value
        for key, value in weights.items()
        if not key.startswith(('score', 'upscore'))
    }
    source = save_caffemodel(tmp_path / 'vgg16.caffemodel', classifier)
    assert run(source, name='vgg16') == (0, f'{tmp_path}/out/fcn.pth: 30 tensors')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'out/fcn.pth'))
    backbone = MODELS.build(dict(SEGMENTOR['backbone'], init_cfg=init_cfg))
    backbone.init_weights()
    assert torch.equal(backbone.conv1_1.conv.weight, weights['conv1_1.weight'])
    assert torch.equal(backbone.fc6.conv.bias, weights['fc6.bias'])


def save_caffemodel(path: Path, weights: dict) -> Path:
    with_bias = {
        k: v for k, v in weights.items() if k.startswith(('conv', 'fc', 'sco'))
    }
    without = {k: v for k, v in weights.items() if k not in with_bias}
    parts = [layer(k.removesuffix('.weight'), blob(v)) for k, v in without.items()]
    return save(path, *layers(with_bias), *parts)


@pytest.mark.parametrize('form', ['flat', 'training'])
def test_a_checkpoint_of_pytorch_fcn(run, weights, tmp_path, form):
    content = weights
    if form == 'training':  # as its trainer saves it
        iou = np.float64(0.6)
        content = dict(
            epoch=1, arch='FCN8s', model_state_dict=weights, best_mean_iu=iou
        )
    torch.save(content, tmp_path / 'fcn8s.pth')
    assert run(tmp_path / 'fcn8s.pth')[0] == 0
    stored = torch.load(tmp_path / 'out/fcn.pth', weights_only=True)
    assert stored['meta'] == {'converter': 'fcn', 'source': 'fcn8s.pth'}
    expected = convert_fcn(weights)
    assert stored['state_dict'].keys() == expected.keys()
    assert all(torch.equal(v, expected[k]) for k, v in stored['state_dict'].items())


def test_at_once_by_name(run, weights, tmp_path):
    torch.save(weights, tmp_path / 'fcn8s-atonce.pth')
    assert run(tmp_path / 'fcn8s-atonce.pth', name='fcn-at-once')[0] == 0
    stored = torch.load(tmp_path / 'out/fcn.pth', weights_only=True)['state_dict']
    key = 'decode_head.score_pool3.weight'
    assert torch.equal(stored[key], convert_fcn(weights, at_once=True)[key])


def fails(run, source, *options, **kwargs) -> str:
    """Return the one sentence of a run that must fail."""
    code, message = run(source, *options, **kwargs)
    assert code == 2
    assert '\n' not in message
    return message


def test_a_missing_file_is_named(run, tmp_path):
    assert 'nowhere.pth does not exist' in fails(run, tmp_path / 'nowhere.pth')


@pytest.mark.parametrize('name', ['page.pth', 'empty.pth', 'page.caffemodel'])
def test_an_unreadable_file_is_named(run, tmp_path, name):
    content = b'' if 'empty' in name else b'<!DOCTYPE html><html></html>'
    (tmp_path / name).write_bytes(content)
    assert name in fails(run, tmp_path / name)
    assert files_in(tmp_path) == [name]


def test_a_cut_off_checkpoint_is_named(run, weights, tmp_path):
    path = tmp_path / 'fcn8s.pth'
    torch.save(weights, path)
    path.write_bytes(path.read_bytes()[:-1000])
    assert 'fcn8s.pth cannot be read' in fails(run, path)


class Code:
    """Something that a file of weights has no business to hold."""


def test_a_checkpoint_with_code_is_refused(run, tmp_path):
    torch.save({'model': Code()}, tmp_path / 'code.pth')
    assert 'code.pth cannot be read' in fails(run, tmp_path / 'code.pth')


def test_a_file_without_a_state_dict_is_named(run, tmp_path):
    torch.save([torch.zeros(1)], tmp_path / 'list.pth')
    assert 'list.pth holds no state dict' in fails(run, tmp_path / 'list.pth')


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'fc8.bias': torch.zeros(1)}, "'fc8.bias' is no layer of FCN-8s"),
        ({'fc6.weight': torch.zeros(3, 4)}, 'fc6.weight: a weight of (3, 4)'),
    ],
)
def test_another_network_is_told_and_leaves_nothing(
    run, weights, tmp_path, change, words
):
    torch.save(weights | change, tmp_path / 'other.pth')
    assert fails(run, tmp_path / 'other.pth').startswith(words)
    assert files_in(tmp_path) == ['other.pth']


def test_a_caffemodel_cut_off_between_layers_is_told(run, weights, tmp_path):
    whole = save_caffemodel(tmp_path / 'fcn.caffemodel', weights)
    del weights['upscore8.weight']
    path = save_caffemodel(tmp_path / 'short.caffemodel', weights)
    assert whole.read_bytes().startswith(path.read_bytes())
    assert "'upscore8.weight' is missing" in fails(run, path)


def test_an_existing_target_is_kept_unless_told(run, weights, tmp_path):
    torch.save(weights, tmp_path / 'fcn8s.pth')
    (tmp_path / 'old.pth').write_text('old')
    message = fails(run, tmp_path / 'fcn8s.pth', target='old.pth')
    assert 'old.pth exists: say --overwrite' in message
    assert (tmp_path / 'old.pth').read_text() == 'old'
    assert run(tmp_path / 'fcn8s.pth', '--overwrite', target='old.pth')[0] == 0
    assert torch.load(tmp_path / 'old.pth', weights_only=True)['state_dict']


def test_a_failure_while_writing_leaves_nothing(
    converter, run, weights, tmp_path, monkeypatch
):
    torch.save(weights, tmp_path / 'fcn8s.pth')
    (tmp_path / 'old.pth').write_text('old')

    def full(content, path):
        Path(path).write_text('half')
        raise OSError('No space left on device')

    monkeypatch.setattr(converter.torch, 'save', full)
    message = fails(run, tmp_path / 'fcn8s.pth', '--overwrite', target='old.pth')
    assert message == 'No space left on device'
    assert files_in(tmp_path) == ['fcn8s.pth', 'old.pth']
    assert (tmp_path / 'old.pth').read_text() == 'old'


def run_script(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_from_the_command_line(weights, tmp_path):
    torch.save(weights, tmp_path / 'fcn8s.pth')
    done = run_script('fcn', tmp_path / 'fcn8s.pth', tmp_path / 'out.pth')
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [
        'FCN-8s of VGG16, 5 classes: 36 tensors; scales folded into: none; bilinear '
        'upsampling left out: upscore_pool5, upscore_pool4, upscore8; learned '
        'upsampling kept: none',
        f'{tmp_path}/out.pth: 36 tensors',
    ]


def test_from_the_command_line_a_mistake_is_one_sentence(tmp_path):
    done = run_script('fcn', tmp_path / 'nowhere.pth', tmp_path / 'out.pth')
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith('does not exist: correct the path')
