"""The classifier that DFANet's backbone is pre-trained as, put into its sub-networks.

Layout: mmpretrain's ``ImageClassifier`` of ``XceptionA`` or ``XceptionB``, as
``configs/dfanet/pretrain_*`` train it.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_BACKBONE = 'backbone.'
_CLASSIFIER = {'head.fc.weight': 'fca.fc.weight', 'head.fc.bias': 'fca.fc.bias'}
#: Of a stage's first block, what depends on the channels that it is given.
_DEPTHWISE = 'conv1.depthwise_conv.conv.weight'
_POINTWISE = ('conv1.pointwise_conv.conv.weight', 'shortcut.conv.weight')
#: The width of the FC attention.
NUM_CLASSES = 1000


def convert_dfanet(
    state_dict: Mapping[str, Any], num_subnets: int = 3
) -> dict[str, Tensor]:
    """Put a classifier's backbone, and its last layer, into all sub-networks.

    conv1 goes into the first sub-network, all else into each. The last layer becomes
    the fully connected layer of each FC attention. The others see more channels than
    the first does, so that 9 tensors of each have another shape:

    - of enc3 and enc4, whose input begins with the channels that the classifier knows,
      the known part is taken. Of the skip behind it the depthwise convolution passes
      the centre on, and the 1 x 1 convolutions weigh it with 0: such a stage begins as
      the classifier's, and learns to use the skip.
    - of enc2, whose input is another one altogether, they are left out: the network
      keeps its own initialisation, as it does of ``fca.conv``, which no classifier has.

    The log lists all of them.

    Args:
        state_dict: Of the classifier, flat or under ``state_dict``; not modified.
        num_subnets: Of the DFANet that takes the result.

    Returns:
        A new dict with keys such as ``backbone.subnets.0.conv1.conv.weight``, for
        ``load_from``, or for ``init_cfg`` of the backbone with ``prefix='backbone.'``.

    Raises:
        KeyError: If a key belongs to no such classifier, or a stage is missing.
        ValueError: If ``num_subnets`` is less than 1, or the classifier has not the
            1000 classes that the FC attention is for.
    """
    if num_subnets < 1:
        raise ValueError(f'num_subnets={num_subnets} must be at least 1')
    source = state_dict.get('state_dict', state_dict)
    first = _rename(source)
    later = {k: v for k, v in first.items() if not k.startswith('conv1.')}
    fresh = [_first_block(2, name) for name in (_DEPTHWISE, *_POINTWISE)]
    wide = {
        key: value for stage in (3, 4) for key, value in _widen(later, stage).items()
    }
    later = {k: v for k, v in {**later, **wide}.items() if k not in fresh}
    _report(len(first), num_subnets, fresh, list(wide))
    return {
        f'{_BACKBONE}subnets.{i}.{key}': value
        for i in range(num_subnets)
        for key, value in (later if i else first).items()
    }


def _rename(source: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the keys of the first sub-network."""
    renamed = {}
    for key, value in source.items():
        stage = key.removeprefix(_BACKBONE).split('.')[0]
        known = key.startswith(_BACKBONE) and stage in ('conv1', 'enc2', 'enc3', 'enc4')
        if not known and key not in _CLASSIFIER:
            raise KeyError(
                f'{key!r} is no key of an Xception classifier: give a checkpoint of '
                'configs/dfanet/pretrain_*, before its conversion'
            )
        renamed[_CLASSIFIER.get(key) or key.removeprefix(_BACKBONE)] = value
    names = (_DEPTHWISE, *_POINTWISE)
    needed = [_first_block(stage, name) for stage in (2, 3, 4) for name in names]
    for key in ('conv1.conv.weight', *needed, *_CLASSIFIER.values()):
        if key not in renamed:
            raise KeyError(
                f'{key!r} has nothing to be made of: give all of the classifier, whose '
                f'weights are under {_BACKBONE!r} and under head.fc'
            )
    classes = len(renamed['fca.fc.weight'])
    if classes != NUM_CLASSES:
        raise ValueError(
            f'the classifier has {classes} classes, the FC attention is for '
            f'{NUM_CLASSES}: train it with num_classes={NUM_CLASSES}, of which fewer '
            'may occur'
        )
    return renamed


def _widen(weights: dict[str, Tensor], stage: int) -> dict[str, Tensor]:
    """Make a stage's first block take a skip, of the stage's own width, as well."""
    depthwise = weights[_first_block(stage, _DEPTHWISE)]
    skip = weights[_first_block(stage, _POINTWISE[1])].shape[0]
    centre = depthwise.new_zeros(skip, *depthwise.shape[1:])
    centre[..., 1, 1] = 1
    widened = {_first_block(stage, _DEPTHWISE): torch.cat([depthwise, centre])}
    for name in _POINTWISE:
        key = _first_block(stage, name)
        weight = weights[key]
        zeros = weight.new_zeros(weight.shape[0], skip, 1, 1)
        widened[key] = torch.cat([weight, zeros], 1)
    return widened


def _first_block(stage: int, name: str) -> str:
    return f'enc{stage}.0.{name}'


def _report(tensors: int, num_subnets: int, fresh: list[str], wide: list[str]) -> None:
    logger = logging.getLogger(__name__)
    logger.info(
        'Xception classifier, %d tensors, all into sub-network 0; left to the '
        'initialisation of the network, in each: fca.conv',
        tensors,
    )
    if num_subnets > 1:
        logger.info(
            'into sub-networks 1 to %d all but conv1; left to the initialisation of '
            'the network: %s; taken, with 0 or a centre for the skip: %s',
            num_subnets - 1,
            ', '.join(fresh),
            ', '.join(wide),
        )
