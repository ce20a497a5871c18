"""Weights of the authors' SPNet, renamed to the keys of our segmentor, and back.

Source: houqb/SPNet (Andrew-Qibin/SPNet), models (spnet.py, resnet.py, customize.py),
and the history of these files.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from mmseg_plugins.converters.deep_stem import (
    AUXILIARY,
    BIASED,
    COUNTER,
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

_NETWORK = "the authors' SPNet"
#: Of each SPM, our strip and the number of theirs.
_STRIPS = {'vertical': 1, 'horizontal': 2}
#: The same before 27 May 2020, when each convolution was given the other's strip.
_SWAPPED_STRIPS = {'vertical': 2, 'horizontal': 1}
#: Of each MPM, the authors' layer and ours. Ours has both ``reduce_*`` as one.
_MPM = {
    'conv1_1': 'reduce_short',
    'conv1_2': 'reduce_long',
    'conv2_0': 'local',
    'conv2_1': 'pools.0',
    'conv2_2': 'pools.1',
    'conv2_3': 'horizontal',
    'conv2_4': 'vertical',
    'conv2_5': 'fuse_short',
    'conv2_6': 'fuse_long',
    'conv3': 'fuse',
}
_NUM_MPMS = 2


def convert_spnet(
    state_dict: Mapping[str, Any], *, before_2020_05_27: bool = False
) -> dict[str, Tensor]:
    """Rename an SPNet of the authors, or their deep-stem ResNet, to our keys.

    The keys tell how deep the ResNet is and whether there are SPMs (of today's name,
    ``spm``, or the first one, ``dual_se``) and an auxiliary head. The biases that the
    strip convolutions had until 10 June 2020 go into the running means of their batch
    norms. The ImageNet classifier ``fc`` is left out.

    Args:
        state_dict: Flat or under ``state_dict``, with or without the ``module.`` of
            DataParallel; not modified. With an ImageNet checkpoint's keys
            (``conv1.0.weight``) the result holds the backbone alone.
        before_2020_05_27: For a network trained with the code of before that day, whose
            SPMs gave each strip to the convolution across it. Nothing but its user can
            tell; biases or the name ``dual_se`` without this are worth a warning. The
            conversion is exact: only the middle of such a kernel ever met data.

    Returns:
        A new dict, which shares memory with the old, with keys such as
        ``backbone.layer1.2.spm.gate.weight`` and
        ``decode_head.mpms.0.reduce.conv.weight``.

    Raises:
        KeyError: If a layer of the network is missing, or a key belongs to none.
        ValueError: If the checkpoint has the keys of MMSegmentation already, or no SPM
            that could be of before 27 May 2020.
    """
    source = unwrap(state_dict)
    refuse_our_keys(source)
    spm = _name_of_spm(source)
    if before_2020_05_27 and not spm:
        raise ValueError(
            'before_2020_05_27=True is about the SPMs, of which the checkpoint has '
            'none: leave it out'
        )
    biased = any(key.endswith(f'.{spm}.conv1.bias') for key in source)
    strips = _SWAPPED_STRIPS if before_2020_05_27 else _STRIPS
    prefix = backbone_prefix(source)
    blocks = count_blocks(source, prefix)
    layers = [*resnet_layers(prefix, blocks), *_head_layers(source)]
    layers += _spm_layers(prefix, blocks, spm, strips, BIASED if biased else KERNEL)
    converted = rename(source, layers, _NETWORK)
    _merge_reductions(converted)
    _fold_biases(converted)
    if before_2020_05_27:
        _turn_kernels(converted)
    logger = logging.getLogger(__name__)
    logger.info(
        'SPNet of the authors: %d tensors of %d; SPMs: %s; their biases: %s; pools: %s',
        len(converted),
        len(source),
        spm or 'none',
        'folded' if biased else 'none',
        'of before 27 May 2020' if before_2020_05_27 else 'of today',
    )
    if (biased or spm == 'dual_se') and not before_2020_05_27:
        logger.warning(
            'These SPMs are of before 10 June 2020: if the code was of before 27 May, '
            'convert with before_2020_05_27=True (spnet-before-2020-05-27)'
        )
    return converted


def revert_spnet(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename our SPNet to the keys of the authors' code of 10 June 2020, its last.

    The authors load with ``strict=False`` into a network under DataParallel: put
    ``module.`` before every key, or they load nothing and do not say so.

    Args:
        state_dict: Of a segmentor as ``convert_spnet`` fills it, flat or under
            ``state_dict``; not modified.

    Returns:
        A new dict, which shares memory with the old. Converted again it is the old, bit
        for bit.

    Raises:
        KeyError: If a layer of the network is missing, or a key belongs to none.
    """
    source = unwrap(state_dict)
    _split_reductions(source)
    whole = any(key.startswith('decode_head.') for key in source)
    prefix = 'pretrained.' if whole else ''
    blocks = count_blocks(source, 'backbone.')
    layers = [*resnet_layers(prefix, blocks), *_head_layers(source)]
    layers += _spm_layers(prefix, blocks, _name_of_spm(source), _STRIPS, KERNEL)
    turned = [(ours, theirs, slots) for theirs, ours, slots in layers]
    return rename(source, turned, 'our SPNet')


def _name_of_spm(source: Mapping[str, Tensor]) -> str:
    names = ('dual_se', 'spm')
    return next((n for n in names if any(f'.{n}.' in key for key in source)), '')


def _spm_layers(
    prefix: str,
    blocks: list[int],
    spm: str,
    strips: dict[str, int],
    slots: tuple[str, ...],
) -> Iterator[Layer]:
    """Yield those of the last block of each stage, and of all blocks of the last."""
    places = [(stage, count - 1) for stage, count in enumerate(blocks[:-1], 1)]
    places += [(len(blocks), index) for index in range(blocks[-1])]
    for stage, index in places if spm else ():
        theirs = f'{prefix}layer{stage}.{index}.{spm}'
        ours = f'backbone.layer{stage}.{index}.spm'
        for strip, number in strips.items():
            yield f'{theirs}.conv{number}', f'{ours}.{strip}.conv', slots
            yield f'{theirs}.bn{number}', f'{ours}.{strip}.bn', NORM
        yield f'{theirs}.conv3', f'{ours}.gate', BIASED


def _head_layers(source: Mapping[str, Tensor]) -> Iterator[Layer]:
    """Yield the layers of the heads that the source has, in its names or in ours."""
    if any(key.startswith(('head.', 'decode_head.')) for key in source):
        yield from _conv_norm('head.trans_layer', 'decode_head.reduction')
        for index in range(_NUM_MPMS):
            for theirs, ours in _MPM.items():
                yield from _conv_norm(
                    f'head.strip_pool{index + 1}.{theirs}',
                    f'decode_head.mpms.{index}.{ours}',
                )
        yield from _conv_norm('head.score_layer', 'decode_head.bottleneck')
        yield 'head.score_layer.4', 'decode_head.conv_seg', BIASED
    if any(key.startswith(('auxlayer.', 'auxiliary_head.')) for key in source):
        yield from AUXILIARY


def _conv_norm(theirs: str, ours: str) -> Iterator[Layer]:
    yield f'{theirs}.0', f'{ours}.conv', KERNEL
    yield f'{theirs}.1', f'{ours}.bn', NORM


def _merge_reductions(converted: dict[str, Tensor]) -> None:
    """Put the two 1 x 1 convolutions of each MPM into one, the short range first."""
    for key in [key for key in converted if '.reduce_short.' in key]:
        short = converted.pop(key)
        long = converted.pop(key.replace('.reduce_short.', '.reduce_long.'), short)
        # the counters of two batch norms that always ran together are one number
        whole = short if COUNTER in key else torch.cat([short, long])
        converted[key.replace('.reduce_short.', '.reduce.')] = whole


def _split_reductions(source: dict[str, Tensor]) -> None:
    for key in [key for key in source if '.reduce.' in key]:
        whole = source.pop(key)
        halves = (whole, whole) if COUNTER in key else whole.chunk(2)
        for name, half in zip(('short', 'long'), halves, strict=True):
            source[key.replace('.reduce.', f'.reduce_{name}.')] = half


def _fold_biases(converted: dict[str, Tensor]) -> None:
    for key in [
        key for key in converted if '.spm.' in key and key.endswith('.conv.bias')
    ]:
        mean = key.replace('.conv.bias', '.bn.running_mean')
        converted[mean] = converted[mean] - converted.pop(key)


def _turn_kernels(converted: dict[str, Tensor]) -> None:
    """Lay the middle of each SPM's kernel, all that met data, into one turned."""
    for key in [key for key in converted if '.spm.' in key and '.conv.' in key]:
        kernel = converted[key].transpose(2, 3)
        middle = torch.zeros_like(kernel)
        taps = middle.shape[2] // 2, middle.shape[3] // 2
        middle[..., taps[0], taps[1]] = kernel[..., taps[0], taps[1]]
        converted[key] = middle.contiguous()
