"""Weights of the authors' EncNet and SPNet, renamed to the keys of our segmentors.

Both have a deep-stem ResNet of bottleneck blocks and the same auxiliary head.
Sources: zhanghang1989/PyTorch-Encoding since v0.4.5, encoding/models, MIT; houqb/SPNet
since 10 June 2020, models, MIT and non-commercial.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from mmseg_plugins.backbones.classifier_weights import NORM, checked_weights, rename

#: A layer: the authors' name, our name, and our name of each of its weights.
Layer = tuple[str, str, dict[str, str]]

_CONV = {'weight': 'weight'}
_BIASED = {'weight': 'weight', 'bias': 'bias'}
_CODES = {'codewords': 'codewords', 'scale': 'scale'}
_NORM = {slot: slot for slot in NORM}
_CONV_NORM = {'0.weight': 'conv.weight'} | {f'1.{s}': f'bn.{s}' for s in NORM}

#: Layers of a mixed pooling module: the authors' name, our name.
_MPM = (
    ('conv1_1', 'reduce_short'),
    ('conv1_2', 'reduce_long'),
    ('conv2_0', 'local'),
    ('conv2_1', 'pools.0'),
    ('conv2_2', 'pools.1'),
    ('conv2_3', 'horizontal'),
    ('conv2_4', 'vertical'),
    ('conv2_5', 'fuse_short'),
    ('conv2_6', 'fuse_long'),
    ('conv3', 'fuse'),
)
_AUXILIARY: tuple[Layer, ...] = (
    ('auxlayer.conv5', 'auxiliary_head.convs.0', _CONV_NORM),
    ('auxlayer.conv5.4', 'auxiliary_head.conv_seg', _BIASED),
)
_ENC, _MPMS = 'decode_head.enc_module', 'decode_head.mpms'
#: The layers of the heads. A group exists if a key starts with its prefix.
_ENCNET: dict[str, tuple[Layer, ...]] = {
    'head.': (
        ('head.conv5', 'decode_head.bottleneck', _CONV_NORM),
        ('head.encmodule.encoding', f'{_ENC}.encoding_project', _CONV_NORM),
        ('head.encmodule.encoding.3', f'{_ENC}.encoding.0', _CODES),
        ('head.encmodule.encoding.4', f'{_ENC}.encoding.1', _NORM),
        ('head.encmodule.fc.0', f'{_ENC}.fc.0', _BIASED),
        ('head.conv6.1', 'decode_head.conv_seg', _BIASED),
    ),
    'head.encmodule.selayer.': (
        ('head.encmodule.selayer', 'decode_head.se_layer', _BIASED),
    ),
    'head.connect.': (
        ('head.connect.0', 'decode_head.lateral_convs.0', _CONV_NORM),
        ('head.connect.1', 'decode_head.lateral_convs.1', _CONV_NORM),
        ('head.fusion', 'decode_head.fusion', _CONV_NORM),
    ),
    'auxlayer.': _AUXILIARY,
}
_SPNET: dict[str, tuple[Layer, ...]] = {
    'head.': (
        ('head.trans_layer', 'decode_head.reduction', _CONV_NORM),
        ('head.score_layer', 'decode_head.bottleneck', _CONV_NORM),
        ('head.score_layer.4', 'decode_head.conv_seg', _BIASED),
        *((f'head.strip_pool1.{k}', f'{_MPMS}.0.{v}', _CONV_NORM) for k, v in _MPM),
        *((f'head.strip_pool2.{k}', f'{_MPMS}.1.{v}', _CONV_NORM) for k, v in _MPM),
    ),
    'auxlayer.': _AUXILIARY,
}


def convert_encnet(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename an EncNet of the authors, or their deep-stem ResNet, to mmseg's keys.

    The model that takes the result has ``ResNetV1c(stem_channels=128,
    contract_dilation=True)``, ``align_corners=True`` and, for the Pascal sets,
    ``add_lateral=True``. The keys tell the depth of the ResNet and which parts there
    are. The ImageNet classifier ``fc`` is left out.

    Args:
        state_dict: Flat or under ``state_dict``, with or without the ``module.`` of
            DataParallel. An ImageNet checkpoint (``conv1.0.weight``) gives the backbone
            alone.

    Returns:
        A new dict with keys such as ``backbone.stem.0.weight`` and
        ``decode_head.bottleneck.conv.weight``.

    Raises:
        ValueError: If a value is not a weight, a layer is missing, or a key belongs to
            no layer. PyTorch-Encoding before v0.4.5 had another EncNet.
    """
    return _convert(state_dict, _ENCNET, "the authors' EncNet (v0.4.5 and later)")


def convert_spnet(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename an SPNet of the authors, or their deep-stem ResNet, to our keys.

    The layout is that of the authors' code since 10 June 2020. For ``state_dict``, what
    is left out and the errors see :func:`convert_encnet`.

    Returns:
        A new dict with keys such as ``backbone.layer1.2.spm.gate.weight`` and
        ``decode_head.mpms.0.reduce_short.conv.weight``.
    """
    return _convert(state_dict, _SPNET, "the authors' SPNet (since 10 June 2020)")


def _convert(
    state_dict: Mapping[str, Any], parts: Mapping[str, Iterable[Layer]], network: str
) -> dict[str, Tensor]:
    source = checked_weights(state_dict)
    is_network = any(key.startswith(('pretrained.', 'head.')) for key in source)
    prefix = 'pretrained.' if is_network else ''  # an ImageNet file has no prefix
    source.pop(f'{prefix}fc.weight', None)
    source.pop(f'{prefix}fc.bias', None)
    layers = [*_resnet_layers(source, prefix)]
    for part, part_layers in parts.items():
        if any(key.startswith(part) for key in source):
            layers += part_layers
    names = {
        f'{theirs}.{old}': f'{ours}.{new}'
        for theirs, ours, slots in layers
        for old, new in slots.items()
    }
    return rename(source, names, network)


def _resnet_layers(source: Iterable[str], prefix: str) -> Iterator[Layer]:
    """Yield the layers of a ResNet with as many blocks as the source has."""
    for i in (0, 3, 6):
        yield f'{prefix}conv1.{i}', f'backbone.stem.{i}', _CONV
    for name, i in (('conv1.1', 1), ('conv1.4', 4), ('bn1', 7)):
        yield f'{prefix}{name}', f'backbone.stem.{i}', _NORM
    with_spm = any('.spm.' in key for key in source)
    for stage in (1, 2, 3, 4):
        start = f'{prefix}layer{stage}.'
        keys = [key.removeprefix(start) for key in source if key.startswith(start)]
        count = max(1, len({key.split('.')[0] for key in keys}))
        for index in range(count):
            theirs, ours = f'{start}{index}', f'backbone.layer{stage}.{index}'
            for i in (1, 2, 3):
                yield f'{theirs}.conv{i}', f'{ours}.conv{i}', _CONV
                yield f'{theirs}.bn{i}', f'{ours}.bn{i}', _NORM
            if index == 0:
                yield f'{theirs}.downsample.0', f'{ours}.downsample.0', _CONV
                yield f'{theirs}.downsample.1', f'{ours}.downsample.1', _NORM
            if with_spm and (stage == 4 or index == count - 1):
                for i, strip in ((1, 'vertical'), (2, 'horizontal')):
                    yield f'{theirs}.spm.conv{i}', f'{ours}.spm.{strip}.conv', _CONV
                    yield f'{theirs}.spm.bn{i}', f'{ours}.spm.{strip}.bn', _NORM
                yield f'{theirs}.spm.conv3', f'{ours}.spm.gate', _BIASED
