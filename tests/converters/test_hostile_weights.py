"""Converters refuse names and values that are not weights, with a sentence."""

import re
from functools import partial

import convert
import pytest
import torch
from torch import Tensor, nn

from mmseg_plugins.converters import CONVERTERS
from tests.backbones.test_fcn_alexnet import caffenet
from tests.backbones.test_fcn_googlenet import caffe_googlenet
from tests.converters.test_convert_dfanet import classifier
from tests.converters.test_encnet_spnet import authors
from tests.converters.test_fcn import caffe_weights

pytestmark = pytest.mark.one_line

#: Of each converter, weights that it takes, and the key of one of them.
FAMILIES = {
    'caffenet': (caffenet, 'conv3.weight'),
    'dfanet': (partial(classifier, 'B'), 'backbone.subnet.enc3.0.shortcut.conv.weight'),
    'encnet': (lambda: authors('encnet').state_dict(), 'head.conv5.0.weight'),
    'fcn': (partial(caffe_weights, 8), 'conv3_2.weight'),
    'googlenet': (caffe_googlenet, 'inception_4c/5x5.weight'),
    'spnet': (lambda: authors('spnet').state_dict(), 'pretrained.layer1.0.bn1.bias'),
    'vgg16': (partial(caffe_weights, 32), 'conv3_2.weight'),
}
every_family = pytest.mark.parametrize('family', FAMILIES)
VALUES = {
    'None': lambda _: None,
    'number': lambda _: 3,
    'text': lambda _: 'text',
    'list': lambda weight: weight.tolist(),
    'dict': lambda weight: {'weight': weight},
    'scalar': lambda _: torch.tensor(1.0),
    'empty': lambda weight: weight[:0],
    'NaN': lambda weight: torch.full_like(weight, torch.nan),
    'infinity': lambda weight: torch.where(weight == weight.max(), torch.inf, weight),
    'complex': lambda weight: weight.to(torch.complex64),
    'int8': lambda weight: weight.to(torch.int8),
    'int64': lambda weight: weight.long(),
    'bool': lambda weight: weight.bool(),
    'float8': lambda weight: weight.to(torch.float8_e4m3fn),
    'quantized': lambda w: torch.quantize_per_tensor(w.float(), 0.1, 0, torch.qint8),
    'sparse': lambda weight: weight.to_sparse(),
    'meta': lambda weight: weight.to('meta'),
}
KEYS = {'number as key': 3, 'bytes as key': b'key', 'extra key': 'extra.key'}


def assert_exit_code(expected: int, family: str, weights: dict, folder, capsys) -> None:
    """Run the tool on the saved weights; it prints one line if it fails."""
    torch.save(weights, folder / 'weights.pth')
    paths = [str(folder / 'weights.pth'), str(folder / 'out.pth')]
    assert convert.main([family, *paths]) == expected
    assert expected == 0 or capsys.readouterr().err.count('\n') == 1
    assert (folder / 'out.pth').exists() == (expected == 0)


@every_family
@pytest.mark.parametrize('hostile', [*VALUES, *KEYS, 'missing key', 'no weights'])
def test_hostile_weights_are_refused(family, hostile, tmp_path, capsys):
    make, key = FAMILIES[family]
    weights = make()
    if hostile in VALUES:
        weights[key] = VALUES[hostile](weights[key])
    elif hostile in KEYS:
        key = KEYS[hostile]
        weights[key] = torch.zeros(3)
    elif hostile == 'missing key':
        del weights[key]
    else:
        weights, key = {}, ''
    with pytest.raises(ValueError, match=re.escape(repr(key)) if key else 'no weights'):
        CONVERTERS[family](weights)
    assert_exit_code(2, family, weights, tmp_path, capsys)


@every_family
@pytest.mark.parametrize('change', [Tensor.half, Tensor.bfloat16, nn.Parameter])
def test_control_other_floats_are_converted(family, change, tmp_path, capsys):
    make, key = FAMILIES[family]
    weights = make()
    weights[key] = change(weights[key])
    converted = CONVERTERS[family](weights)
    assert any(value.dtype == weights[key].dtype for value in converted.values())
    assert_exit_code(0, family, weights, tmp_path, capsys)
