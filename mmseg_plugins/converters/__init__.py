from collections.abc import Callable
from functools import partial

from torch import Tensor

from mmseg_plugins.converters.alexnet import convert_alexnet
from mmseg_plugins.converters.caffemodel import read_caffemodel
from mmseg_plugins.converters.dfanet import convert_dfanet
from mmseg_plugins.converters.encnet import convert_encnet
from mmseg_plugins.converters.fc_to_conv import fc_to_conv, tail_to_convs
from mmseg_plugins.converters.fcn import convert_fcn
from mmseg_plugins.converters.spnet import convert_spnet, revert_spnet
from mmseg_plugins.converters.vgg import convert_vgg

#: What ``tools/convert.py`` offers by name.
CONVERTERS: dict[str, Callable[..., dict[str, Tensor]]] = {
    'caffenet': convert_alexnet,
    'dfanet': convert_dfanet,
    'encnet': convert_encnet,
    'fcn': convert_fcn,
    'fcn-at-once': partial(convert_fcn, at_once=True),
    'spnet': convert_spnet,
    'spnet-back': revert_spnet,
    'spnet-before-2020-05-27': partial(convert_spnet, before_2020_05_27=True),
    'vgg16': partial(convert_vgg, depth=16),
}

__all__ = [
    'CONVERTERS',
    'convert_alexnet',
    'convert_dfanet',
    'convert_encnet',
    'convert_fcn',
    'convert_spnet',
    'convert_vgg',
    'fc_to_conv',
    'read_caffemodel',
    'revert_spnet',
    'tail_to_convs',
]
