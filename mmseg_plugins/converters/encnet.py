"""Weights of the authors' EncNet, renamed to the keys of MMSegmentation's models.

Source: zhanghang1989/PyTorch-Encoding, encoding/models (encnet.py, fcn.py, resnet.py),
MIT: the layout of v0.4.5 and later.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

#: A layer: the authors' name, ours, its tensors.
Layer = tuple[str, str, tuple[str, ...]]

_BIASED = ('weight', 'bias')
_KERNEL = ('weight',)
_NORM = ('weight', 'bias', 'running_mean', 'running_var')
_CODES = ('codewords', 'scale')
#: What the authors' own SyncBN and PyTorch before 0.4.1 do not store.
_OPTIONAL_NORM_SLOT = 'num_batches_tracked'

#: Of each part of the heads: the prefix that tells it is there, and its layers.
_PARTS: dict[str, tuple[Layer, ...]] = {
    'head.': (
        ('head.conv5.0', 'decode_head.bottleneck.conv', _KERNEL),
        ('head.conv5.1', 'decode_head.bottleneck.bn', _NORM),
        (
            'head.encmodule.encoding.0',
            'decode_head.enc_module.encoding_project.conv',
            _KERNEL,
        ),
        (
            'head.encmodule.encoding.1',
            'decode_head.enc_module.encoding_project.bn',
            _NORM,
        ),
        ('head.encmodule.encoding.3', 'decode_head.enc_module.encoding.0', _CODES),
        ('head.encmodule.encoding.4', 'decode_head.enc_module.encoding.1', _NORM),
        ('head.encmodule.fc.0', 'decode_head.enc_module.fc.0', _BIASED),
        ('head.conv6.1', 'decode_head.conv_seg', _BIASED),
    ),
    'head.encmodule.selayer.': (
        ('head.encmodule.selayer', 'decode_head.se_layer', _BIASED),
    ),
    'head.connect.': (
        ('head.connect.0.0', 'decode_head.lateral_convs.0.conv', _KERNEL),
        ('head.connect.0.1', 'decode_head.lateral_convs.0.bn', _NORM),
        ('head.connect.1.0', 'decode_head.lateral_convs.1.conv', _KERNEL),
        ('head.connect.1.1', 'decode_head.lateral_convs.1.bn', _NORM),
        ('head.fusion.0', 'decode_head.fusion.conv', _KERNEL),
        ('head.fusion.1', 'decode_head.fusion.bn', _NORM),
    ),
    'auxlayer.': (
        ('auxlayer.conv5.0', 'auxiliary_head.convs.0.conv', _KERNEL),
        ('auxlayer.conv5.1', 'auxiliary_head.convs.0.bn', _NORM),
        ('auxlayer.conv5.4', 'auxiliary_head.conv_seg', _BIASED),
    ),
}
#: The layers of the deep stem.
_STEM: tuple[Layer, ...] = (
    ('conv1.0', 'stem.0', _KERNEL),
    ('conv1.1', 'stem.1', _NORM),
    ('conv1.3', 'stem.3', _KERNEL),
    ('conv1.4', 'stem.4', _NORM),
    ('conv1.6', 'stem.6', _KERNEL),
    ('bn1', 'stem.7', _NORM),
)
_NUM_STAGES = 4


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
    source = _unwrap(state_dict)
    _refuse_other_layouts(source)
    parts = [mark for mark in _PARTS if any(key.startswith(mark) for key in source)]
    layers = [*_backbone_layers(source)]
    for mark in parts:
        layers += _PARTS[mark]
    converted = _rename(source, layers)
    logging.getLogger(__name__).info(
        'EncNet of the authors: %d of %d tensors kept; beside the backbone: %s',
        len(converted),
        len(source),
        ', '.join(mark.strip('.') for mark in parts) or 'nothing',
    )
    return converted


def _unwrap(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    if isinstance(checkpoint.get('state_dict'), Mapping):
        checkpoint = checkpoint['state_dict']
    return {key.removeprefix('module.'): value for key, value in checkpoint.items()}


def _refuse_other_layouts(source: dict[str, Tensor]) -> None:
    for key in source:
        if key.startswith(('backbone.', 'decode_head.')):
            raise ValueError(
                f"{key!r} is a key of MMSegmentation's models, not of the authors': "
                'give the checkpoint to load_from as it is'
            )
    if 'head.encmodule.encoding.0.codewords' in source:
        raise ValueError(
            "'head.encmodule.encoding.0.codewords' is of PyTorch-Encoding before "
            'v0.4.5, whose EncNet has no projection before the codewords and sums '
            'over them: give a checkpoint of v0.4.5 or later'
        )


def _backbone_layers(source: dict[str, Tensor]) -> Iterator[Layer]:
    """Yield the layers of a ResNet of bottleneck blocks, as many as the keys tell."""
    whole = any(key.startswith(('pretrained.', 'head.')) for key in source)
    prefix = 'pretrained.' if whole else ''
    for theirs, ours, slots in _STEM:
        yield f'{prefix}{theirs}', f'backbone.{ours}', slots
    for stage in range(1, _NUM_STAGES + 1):
        name = f'layer{stage}'
        start = f'{prefix}{name}.'
        blocks = {k[len(start) :].split('.')[0] for k in source if k.startswith(start)}
        for index in range(max(len(blocks), 1)):
            for layer, slots in _block_layers(first=index == 0):
                place = f'{name}.{index}.{layer}'
                yield f'{prefix}{place}', f'backbone.{place}', slots


def _block_layers(*, first: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    for i in (1, 2, 3):
        yield f'conv{i}', _KERNEL
        yield f'bn{i}', _NORM
    if first:
        yield 'downsample.0', _KERNEL
        yield 'downsample.1', _NORM


def _rename(source: dict[str, Tensor], layers: list[Layer]) -> dict[str, Tensor]:
    """Use every key once; only what the layers may do without can be missing."""
    left = {key: v for key, v in source.items() if not _is_classifier(key)}
    converted = {}
    for theirs, ours, slots in layers:
        for slot in slots:
            if f'{theirs}.{slot}' not in left:
                raise KeyError(
                    f"'{theirs}.{slot}' is missing, which the authors' network has: "
                    'give an EncNet, or an ImageNet ResNet, of bottleneck blocks and a '
                    'deep stem (resnet50s, 101s, 152s)'
                )
            converted[f'{ours}.{slot}'] = left.pop(f'{theirs}.{slot}')
        counter = left.pop(f'{theirs}.{_OPTIONAL_NORM_SLOT}', None)
        if slots is _NORM and counter is not None:
            converted[f'{ours}.{_OPTIONAL_NORM_SLOT}'] = counter
    if left:
        raise KeyError(
            f"'{next(iter(left))}' is no key of the authors' EncNet with a deep-stem "
            f'ResNet ({len(left)} such keys): give the weights of that network alone'
        )
    return converted


def _is_classifier(key: str) -> bool:
    return key.removeprefix('pretrained.') in ('fc.weight', 'fc.bias')
