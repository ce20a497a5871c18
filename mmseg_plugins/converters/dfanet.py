"""Weights of an Xception classifier, put into all sub-networks of DFANet.

Layout: mmpretrain's ``ImageClassifier`` of ``XceptionA`` or ``XceptionB``, as
``configs/dfanet/pretrain_*`` train it.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmseg_plugins.backbones import DFANet
from mmseg_plugins.backbones.classifier_weights import (
    checked_weights,
    rename,
    reshape_weight,
)
from mmseg_plugins.backbones.dfanet import CHANNELS


def convert_dfanet(
    state_dict: Mapping[str, Any], num_subnets: int = 3
) -> dict[str, Tensor]:
    """Put the backbone and the last layer of a classifier into all sub-networks.

    The first sub-network takes them as they are. In the others, enc3 and enc4 have
    additional input channels for the skip: their depthwise kernels are set to the
    identity and their pointwise weights to 0, so that a stage first computes what it
    computes in the classifier. The 3 weights of enc2 that depend on its other input are
    left out, and so is ``fca.conv``, which no classifier has.

    Args:
        state_dict: State dict of the classifier, flat or under ``state_dict``.
        num_subnets: Number of sub-networks of the DFANet that takes the result.

    Returns:
        A new dict with keys such as ``backbone.subnets.2.fca.fc.weight``, for
        ``load_from``, or for ``init_cfg`` of the backbone with ``prefix='backbone.'``.

    Raises:
        ValueError: If ``num_subnets`` is less than 1, a value is not a weight or has
            another shape (as without 1000 classes), or a key is missing or unknown.
    """
    source = checked_weights(state_dict)
    bias = source.get('backbone.subnet.enc4.0.shortcut.bn.bias')
    is_b = bias is not None and len(bias) == CHANNELS['B'][-1]
    with torch.device('meta'):  # names and shapes, without memory
        net = DFANet(arch='B' if is_b else 'A', num_subnets=num_subnets)
    shapes = {key: value.shape for key, value in net.state_dict().items()}
    names = {}  # key of the classifier: key of DFANet
    for key in shapes:
        if key.startswith(('conv1.', 'subnets.0.')) and '.fca.conv.' not in key:
            source_key = 'backbone.' + key.replace('subnets.0.', 'subnet.')
            names[source_key.replace('backbone.subnet.fca.fc.', 'head.fc.')] = key
    first = rename(source, names, 'a classifier of configs/dfanet/pretrain_*')
    first = {k: reshape_weight(k, weight, shapes[k]) for k, weight in first.items()}
    converted, left_out = {}, []
    for key, shape in shapes.items():
        weight = first.get(re.sub(r'subnets\.\d+', 'subnets.0', key))
        if weight is None or (weight.shape != shape and '.enc2.' in key):
            left_out.append(key)
            continue
        if weight.shape != shape:  # the input channels of the skip come last
            length, channels = weight.shape[:2]
            widened = weight.new_zeros(shape)
            widened[:length, :channels] = weight
            if 'depthwise' in key:
                widened[length:, :, 1, 1] = 1
            weight = widened
        converted[f'backbone.{key}'] = weight
    logger = logging.getLogger(__name__)
    logger.info('The network keeps its own values of %s', ', '.join(left_out))
    return converted
