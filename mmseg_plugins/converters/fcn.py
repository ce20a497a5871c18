"""Weights of the authors' FCN and of pytorch-fcn, renamed to the keys of our networks.

Sources: shelhamer/fcn.berkeleyvision.org, voc-fcn*/net.py, BSD-2, and
wkentaro/pytorch-fcn, torchfcn/models, MIT. Both name their layers alike.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmseg_plugins.converters.fc_to_conv import fc_to_conv
from mmseg_plugins.converters.vgg import conv_names

#: Kernel sizes of the convolutions before the scores, in order.
_TRUNKS = {
    'VGG16': dict.fromkeys(conv_names(16), 3) | {'fc6': 7, 'fc7': 1},
    'AlexNet': dict(conv1=11, conv2=5, conv3=3, conv4=3, conv5=3, fc6=6, fc7=1),
}
_GROUPS = {'conv2': 2, 'conv4': 2, 'conv5': 2}
#: Of each score: its stride, the layer that its input comes from, our name.
_SCORES = {
    'score_fr': (32, 'fc7', 'conv_seg'),
    'score_pool4': (16, 'conv4_3', 'score_pool4'),
    'score_pool3': (8, 'conv3_3', 'score_pool3'),
}
#: Of each deconvolution of each net: its factor, our name.
_UPSAMPLING = {
    32: {'upscore': (32, 'upscore32')},
    16: {'upscore2': (2, 'upscore_pool5'), 'upscore16': (16, 'upscore16')},
    8: {
        'upscore2': (2, 'upscore_pool5'),
        'upscore_pool4': (2, 'upscore_pool4'),
        'upscore8': (8, 'upscore8'),
    },
}
#: Layers that a net has and the coarser ones have not.
_MARKS = {
    8: {'score_pool3', 'scale_pool3', 'upscore_pool4', 'upscore8'},
    16: {'score_pool4', 'scale_pool4', 'upscore2', 'upscore16'},
}
#: By what the nets trained at once multiply a score's input (voc-fcn8s-atonce/net.py).
_AT_ONCE = {'score_pool4': 0.01, 'score_pool3': 0.0001}
#: By how much a fixed bilinear kernel may differ from ours: rounding, not training.
TOLERANCE = 1e-6


def convert_fcn(
    state_dict: Mapping[str, Any], *, at_once: bool = False
) -> dict[str, Tensor]:
    """Rename the weights of FCN-32s, -16s or -8s to the keys of our segmentors.

    The layers' names tell which net it is. The scale layers of the nets trained at once
    multiply the input of a score: they are folded into its weight, and its bias stays.
    A deconvolution that is the fixed bilinear one is left out, since ``FCNSkipHead``
    upsamples without parameters; a learned one is kept, dense: ``upscore_pool5`` and
    ``upscore_pool4`` between the levels, ``upscore{stride}`` at the end.

    Args:
        state_dict: With Caffe's names, as ``read_caffemodel`` and pytorch-fcn give
            them; flat or under ``model_state_dict`` or ``state_dict``; not modified.
        at_once: For weights of pytorch-fcn's ``FCN8sAtOnce``: it has the scales 0.01
            and 0.0001 in its code, and the names are those of FCN-8s. Its training
            checkpoints say so themselves.

    Returns:
        A new dict, which may share memory with the old, with keys such as
        ``backbone.conv1_1.conv.weight`` (FCN-AlexNet: ``backbone.conv1.conv.weight``)
        and ``decode_head.conv_seg.bias``.

    Raises:
        KeyError: If a layer of the net is missing, or a key belongs to none.
        ValueError: If a weight has not the shape that the net needs.
    """
    source = _unwrap(state_dict)
    trunk, stride = _identify(source)
    net = f'FCN-{stride}s of {trunk}'
    scores = [name for name, (level, *_) in _SCORES.items() if level >= stride]
    _check_keys(source, [*_TRUNKS[trunk], *scores], list(_UPSAMPLING[stride]), net)
    at_once = at_once or state_dict.get('arch') == 'FCN8sAtOnce'
    if at_once and stride != 8:
        raise ValueError(f'at_once=True is for FCN-8s, this is {net}: leave it out')

    converted = _convert_trunk(source, _TRUNKS[trunk])
    converted |= _convert_scores(source, scores, at_once)
    classes = len(converted['decode_head.conv_seg.weight'])
    learned = _convert_upsampling(source, trunk, stride, classes)
    converted |= learned
    scaled = [name for name in _AT_ONCE if at_once or _scale_key(name) in source]
    ours = [name for _, name in _UPSAMPLING[stride].values()]
    kept = [name for name in ours if f'decode_head.{name}.weight' in learned]
    logging.getLogger(__name__).info(
        '%s, %d classes: %d tensors; scales folded into: %s; bilinear upsampling left '
        'out: %s; learned upsampling kept: %s',
        net,
        classes,
        len(converted),
        ', '.join(scaled) or 'none',
        ', '.join(name for name in ours if name not in kept) or 'none',
        ', '.join(kept) or 'none',
    )
    return converted


def _unwrap(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    for key in ('model_state_dict', 'state_dict'):
        if isinstance(checkpoint.get(key), Mapping):
            return dict(checkpoint[key])
    return dict(checkpoint)


def _identify(source: dict[str, Tensor]) -> tuple[str, int]:
    """Tell the trunk and the stride by the names."""
    for key in source:
        if key.startswith(('backbone.', 'decode_head.')):
            raise ValueError(
                f"{key!r} is a key of MMSegmentation's models, not of Caffe's: give "
                'the checkpoint to load_from as it is'
            )
    if 'score_fr.weight' not in source:
        raise KeyError(
            f"'score_fr.weight' is missing and the keys are like {[*source][:2]}: give "
            "weights of the authors' FCN or of pytorch-fcn; those of a classifier load "
            'through init_cfg of FCNVGG'
        )
    trunk = 'AlexNet' if 'conv1.weight' in source else 'VGG16'
    layers = {key.rpartition('.')[0] for key in source}
    stride = next((s for s, marks in _MARKS.items() if layers & marks), 32)
    if trunk == 'AlexNet' and stride != 32:
        raise ValueError(
            f'{sorted(layers & _MARKS[stride])} belong to FCN-{stride}s, conv1 to '
            'FCN-AlexNet, which has no skips: give weights of VGG16 or without skips'
        )
    return trunk, stride


def _check_keys(
    source: dict[str, Tensor], convolutions: list[str], upsampling: list[str], net: str
) -> None:
    needed = [f'{name}.{slot}' for name in convolutions for slot in ('weight', 'bias')]
    needed += [f'{name}.weight' for name in upsampling]
    for key in needed:
        if key not in source:
            raise KeyError(
                f'{key!r} is missing, which {net} has: give all of its layers'
            )
    known = {*needed, *map(_scale_key, _AT_ONCE)}
    for key in source:
        if key not in known:
            raise KeyError(
                f'{key!r} is no layer of {net}, which the other names tell: give the '
                'weights of one net, without those of other heads'
            )


def _convert_trunk(
    source: dict[str, Tensor], kernels: dict[str, int]
) -> dict[str, Tensor]:
    converted, before = {}, ''
    for name, kernel_size in kernels.items():
        weight, bias = _convolution(source, name, kernel_size, before)
        converted[f'backbone.{name}.conv.weight'] = weight
        converted[f'backbone.{name}.conv.bias'] = bias
        before = name
    return converted


def _convert_scores(
    source: dict[str, Tensor], names: list[str], at_once: bool
) -> dict[str, Tensor]:
    converted = {}
    for name in names:
        _, before, ours = _SCORES[name]
        weight, bias = _convolution(source, name, 1, before)
        if _scale_key(name) in source:
            weight = weight * _scale(source, name, weight.shape[1])
        elif at_once:
            weight = weight * _AT_ONCE.get(name, 1)
        converted[f'decode_head.{ours}.weight'] = weight
        converted[f'decode_head.{ours}.bias'] = bias
    return converted


def _convolution(
    source: dict[str, Tensor], name: str, kernel_size: int, before: str
) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution that was perhaps fully connected."""
    try:
        weight = fc_to_conv(source[f'{name}.weight'], kernel_size)
    except ValueError as error:
        raise ValueError(f'{name}.weight: {error}') from error
    bias = source[f'{name}.bias'].flatten()
    inputs = weight.shape[1] * _GROUPS.get(name, 1)
    expected = source[f'{before}.bias'].numel() if before else inputs
    if (len(bias), expected) != (len(weight), inputs):
        raise ValueError(
            f'{name}.weight is {tuple(weight.shape)}, but {name}.bias has {len(bias)} '
            f'numbers and {before or "the image"} gives {expected} channels: give the '
            'weights of one net'
        )
    return weight, bias


def _convert_upsampling(
    source: dict[str, Tensor], trunk: str, stride: int, classes: int
) -> dict[str, Tensor]:
    """Keep the deconvolutions that differ from the fixed bilinear one."""
    learned = {}
    for name, (factor, ours) in _UPSAMPLING[stride].items():
        weight = source[f'{name}.weight']
        kernel_size = 63 if trunk == 'AlexNet' else 2 * factor
        fixed = _bilinear(classes, kernel_size).to(weight)
        if weight.shape != fixed.shape:
            raise ValueError(
                f'{name}.weight is {tuple(weight.shape)}, must be {tuple(fixed.shape)} '
                f'for {classes} classes: give the weights of one net'
            )
        if not torch.allclose(weight, fixed, rtol=0, atol=TOLERANCE):
            learned[f'decode_head.{ours}.weight'] = weight
    return learned


def _bilinear(classes: int, kernel_size: int) -> Tensor:
    """Make the authors' kernel (surgery.py), (classes, classes, size, size)."""
    factor = (kernel_size + 1) // 2
    center = (kernel_size - 1) / 2
    line = 1 - (torch.arange(kernel_size, dtype=torch.float64) - center).abs() / factor
    return torch.eye(classes, dtype=torch.float64)[..., None, None] * line.outer(line)


def _scale(source: dict[str, Tensor], score: str, channels: int) -> Tensor:
    """Return what the channels of the score's input are multiplied by."""
    scale = source[_scale_key(score)]
    if scale.numel() != channels:
        raise ValueError(
            f'{_scale_key(score)} has {scale.numel()} numbers, {score} takes '
            f'{channels} channels: give the weights of one net'
        )
    return scale.reshape(-1, 1, 1)


def _scale_key(score: str) -> str:
    return f'{score.replace("score", "scale")}.weight'
