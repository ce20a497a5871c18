from functools import partial

from mmseg_plugins.backbones.classifier_weights import fc_to_conv, tail_to_convs

from .caffemodel import read_caffemodel
from .dfanet import convert_dfanet
from .encnet_spnet import convert_encnet, convert_spnet
from .fcn import convert_classifier, convert_fcn
from .half import convert_half, shared_meta

#: The converters of ``tools/convert.py`` by name.
CONVERTERS = {
    'caffenet': convert_classifier,
    'dfanet': convert_dfanet,
    'encnet': convert_encnet,
    'fcn': convert_fcn,
    'fcn-at-once': partial(convert_fcn, at_once=True),
    'googlenet': convert_classifier,
    'half': convert_half,
    'spnet': convert_spnet,
    'vgg16': convert_classifier,
}

__all__ = [
    'CONVERTERS',
    'convert_classifier',
    'convert_dfanet',
    'convert_encnet',
    'convert_fcn',
    'convert_half',
    'convert_spnet',
    'fc_to_conv',
    'read_caffemodel',
    'shared_meta',
    'tail_to_convs',
]
