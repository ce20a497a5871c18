"""Weights of the authors' EncNet, renamed to the keys of MMSegmentation's models.

Source: zhanghang1989/PyTorch-Encoding, encoding/models (encnet.py, fcn.py, resnet.py),
MIT: the layout of v0.4.5 and later.
"""

import logging
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmseg_plugins.converters.deep_stem import (
    AUXILIARY,
    BIASED,
    KERNEL,
    NORM,
    Layer,
    backbone_prefix,
    count_blocks,
    refuse_our_keys,
    rename,
    resnet_layers,
    unwrap,
)

_CODES = ('codewords', 'scale')

#: Of each part of the heads: the prefix that tells it is there, and its layers.
_PARTS: dict[str, tuple[Layer, ...]] = {
    'head.': (
        ('head.conv5.0', 'decode_head.bottleneck.conv', KERNEL),
        ('head.conv5.1', 'decode_head.bottleneck.bn', NORM),
        (
            'head.encmodule.encoding.0',
            'decode_head.enc_module.encoding_project.conv',
            KERNEL,
        ),
        (
            'head.encmodule.encoding.1',
            'decode_head.enc_module.encoding_project.bn',
            NORM,
        ),
        ('head.encmodule.encoding.3', 'decode_head.enc_module.encoding.0', _CODES),
        ('head.encmodule.encoding.4', 'decode_head.enc_module.encoding.1', NORM),
        ('head.encmodule.fc.0', 'decode_head.enc_module.fc.0', BIASED),
        ('head.conv6.1', 'decode_head.conv_seg', BIASED),
    ),
    'head.encmodule.selayer.': (
        ('head.encmodule.selayer', 'decode_head.se_layer', BIASED),
    ),
    'head.connect.': (
        ('head.connect.0.0', 'decode_head.lateral_convs.0.conv', KERNEL),
        ('head.connect.0.1', 'decode_head.lateral_convs.0.bn', NORM),
        ('head.connect.1.0', 'decode_head.lateral_convs.1.conv', KERNEL),
        ('head.connect.1.1', 'decode_head.lateral_convs.1.bn', NORM),
        ('head.fusion.0', 'decode_head.fusion.conv', KERNEL),
        ('head.fusion.1', 'decode_head.fusion.bn', NORM),
    ),
    'auxlayer.': AUXILIARY,
}


def convert_encnet(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename an EncNet of the authors, or their deep-stem ResNet, to mmseg's keys.

    The keys tell whether the network has laterals (``add_lateral``), an SE branch
    (``use_se_loss``) and an auxiliary head, and how deep its ResNet is. The ImageNet
    classifier ``fc`` is left out. The model that takes the result has
    ``ResNetV1c(stem_channels=128, contract_dilation=True)``, ``align_corners=True``
    and, for the Pascal sets, ``add_lateral=True``.

    Args:
        state_dict: Flat or under ``state_dict``, with or without the ``module.`` of
            DataParallel; not modified. With an ImageNet checkpoint's keys
            (``conv1.0.weight``) the result holds the backbone alone.

    Returns:
        A new dict, which shares memory with the old, with keys such as
        ``backbone.stem.0.weight`` and ``decode_head.bottleneck.conv.weight``.

    Raises:
        KeyError: If a layer of the network is missing, or a key belongs to none.
        ValueError: If the checkpoint is of before v0.4.5, whose network is another one,
            or has the keys of MMSegmentation already.
    """
    source = unwrap(state_dict)
    refuse_our_keys(source)
    _refuse_before_v0_4_5(source)
    parts = [mark for mark in _PARTS if any(key.startswith(mark) for key in source)]
    prefix = backbone_prefix(source)
    layers = [*resnet_layers(prefix, count_blocks(source, prefix))]
    for mark in parts:
        layers += _PARTS[mark]
    converted = rename(source, layers, "the authors' EncNet")
    logging.getLogger(__name__).info(
        'EncNet of the authors: %d of %d tensors kept; beside the backbone: %s',
        len(converted),
        len(source),
        ', '.join(mark.strip('.') for mark in parts) or 'nothing',
    )
    return converted


def _refuse_before_v0_4_5(source: dict[str, Tensor]) -> None:
    if 'head.encmodule.encoding.0.codewords' in source:
        raise ValueError(
            "'head.encmodule.encoding.0.codewords' is of PyTorch-Encoding before "
            'v0.4.5, whose EncNet has no projection before the codewords and sums '
            'over them: give a checkpoint of v0.4.5 or later'
        )
