"""Weights of the authors' FCN, of pytorch-fcn, and of classifiers with Caffe's names.

Sources: shelhamer/fcn.berkeleyvision.org, voc-fcn*/net.py, BSD-2, and
wkentaro/pytorch-fcn, torchfcn/models, MIT. Both give their layers the same names.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmseg_plugins.backbones import FCNVGG, FCNAlexNet, FCNGoogLeNet
from mmseg_plugins.backbones.classifier_weights import (
    checked_weights,
    load_classifier,
    rename,
    reshape_weight,
)
from mmseg_plugins.decode_heads import FCNPad100Head
from mmseg_plugins.decode_heads.fcn_skip_head import score_name
from mmseg_plugins.layers import bilinear_kernel

#: By stride: the layer whose output is scored.
_LEVELS = {8: 'conv3_3', 16: 'conv4_3', 32: 'fc7'}
#: The authors' names of our layers, where they differ.
_NAMES = {'conv_seg': 'score_fr', 'upscore32': 'upscore', 'upscore_pool5': 'upscore2'}
#: The scales of the nets trained at once (voc-fcn8s-atonce/net.py).
_SCALES = {'score_pool4': 0.01, 'score_pool3': 0.0001}
#: Tolerance for recognizing a bilinear kernel.
TOLERANCE = 1e-6


def convert_classifier(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename a VGG16, CaffeNet or GoogLeNet to the keys of our backbone of that name.

    The result is for ``init_cfg`` of the backbone. For the layouts and the errors see
    ``load_classifier``.
    """
    weights = checked_weights(state_dict, allow_nan_in_fc=True)
    backbone: FCNVGG | FCNAlexNet | FCNGoogLeNet
    if any('/' in key for key in weights):
        width = weights.get('conv1/7x7_s2.bias', torch.zeros(64)).numel()
        with torch.device('meta'):
            backbone = FCNGoogLeNet(base_channels=width)
    else:
        backbone = _make_backbone(weights)
    load_classifier(backbone, weights)
    return weights


def convert_fcn(
    state_dict: Mapping[str, Any], *, at_once: bool = False
) -> dict[str, Tensor]:
    """Rename the weights of FCN-32s, -16s or -8s to the keys of our segmentors.

    The names of the layers tell which net it is. The scale layers of the nets trained
    at once multiply the input of a score: they are folded into its weight. Bilinear
    deconvolutions are left out, because our heads make them; learned ones are kept.

    Args:
        state_dict: Weights with Caffe's names, as from ``read_caffemodel`` or
            pytorch-fcn, flat or under ``model_state_dict`` or ``state_dict``.
        at_once: Whether these are the bare weights of pytorch-fcn's ``FCN8sAtOnce``,
            which has the scales in its code and the names of FCN-8s. The checkpoints of
            its trainer name the class themselves.

    Returns:
        A new dict with keys such as ``backbone.conv1_1.conv.weight`` (FCN-AlexNet:
        ``backbone.conv1.conv.weight``) and ``decode_head.conv_seg.bias``.

    Raises:
        ValueError: If a value is not a weight or does not fit, a layer is missing, or a
            key belongs to no layer.
    """
    source = checked_weights(state_dict)
    net, title = _make_net(source)
    shapes = {key: value.shape for key, value in net.state_dict().items()}
    at_once = at_once or state_dict.get('arch') == 'FCN8sAtOnce'
    if at_once and 'decode_head.score_pool3.weight' not in shapes:
        raise ValueError(
            f'at_once=True: only for FCN-8s, this is {title}; use the converter fcn'
        )
    names = {}  # key of the authors: our key
    for key in shapes:
        *_, layer, slot = key.replace('.conv.', '.').split('.')
        names[f'{_NAMES.get(layer, layer)}.{slot}'] = key
    scores = [score for score in _SCALES if f'decode_head.{score}.weight' in shapes]
    scales = {f'{score.replace("score", "scale")}.weight': score for score in scores}
    converted = rename(source, names | scales, title, optional=scales)
    for key, shape in shapes.items():
        converted[key] = reshape_weight(key, converted[key], shape)
    for score in scores:
        key = f'decode_head.{score}.weight'
        weight = converted[key]
        default = weight.new_full(weight.shape[1:2], _SCALES[score] if at_once else 1)
        scale = converted.pop(score, default)
        if scale.numel() != weight.shape[1]:
            raise ValueError(
                f'{key} has {weight.shape[1]} input channels, its scale layer has '
                f'{scale.numel()}: give the weights of one net'
            )
        converted[key] = weight * scale.to(weight).reshape(-1, 1, 1)
    for key in [key for key in converted if 'upscore' in key]:
        classes, _, size, _ = shapes[key]
        bilinear = torch.eye(classes)[..., None, None] * bilinear_kernel(size)
        if (converted[key] - bilinear).abs().max() <= TOLERANCE:
            del converted[key]
    learned = [key for key in converted if 'upscore' in key]
    logger = logging.getLogger(__name__)
    logger.info('%s; learned upsampling: %s', title, ', '.join(learned) or 'none')
    return converted


def _make_net(source: Mapping[str, Tensor]) -> tuple[nn.Module, str]:
    """Make our network on the meta device, with the source's widths, and its name."""
    backbone = _make_backbone(source)
    alexnet = isinstance(backbone, FCNAlexNet)
    layers = {key.split('.')[0] for key in source}
    skips = [s for s in (8, 16) if score_name(s) in layers and not alexnet]
    strides = [stride for stride in _LEVELS if stride >= min([32, *skips])]
    levels = [backbone.get_submodule(_LEVELS[stride]) for stride in strides]
    with torch.device('meta'):
        head = FCNPad100Head(
            in_channels=[level.out_channels for level in levels],
            in_index=[*range(len(levels))],
            strides=strides,
            # If it is missing, rename says so.
            num_classes=source.get('score_fr.bias', torch.zeros(1)).numel(),
            upsample='learned',
            centre=13 if alexnet else 12.5,
            loss_decode=dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
        )
    net = nn.ModuleDict(dict(backbone=backbone, decode_head=head))
    return net, f'FCN-{strides[0]}s of {"AlexNet" if alexnet else "VGG16"}'


def _make_backbone(source: Mapping[str, Tensor]) -> FCNVGG | FCNAlexNet:
    """Make the backbone on the meta device, with the widths of the source."""
    alexnet = 'conv1.weight' in source
    first = 'conv1.bias' if alexnet else 'conv1_1.bias'
    widths: dict[str, Any] = {
        name: source[key].numel()
        for name, key in (('base_channels', first), ('fc_channels', 'fc7.bias'))
        if key in source
    }
    with torch.device('meta'):
        return FCNAlexNet(**widths) if alexnet else FCNVGG(**widths)
