"""Weights of image classifiers, for the backbones of fully convolutional networks.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 3.1 and Fig. 2: a fully
connected layer is a convolution whose kernel covers the whole map.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .base_backbone import BaseBackbone, fit_input_channels

_COUNTER = 'num_batches_tracked'
#: The tensors of a batch norm; old checkpoints do not have the counter.
NORM = ('weight', 'bias', 'running_mean', 'running_var', _COUNTER)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_COPIED = (
    *(nn.Dropout, nn.ELU, nn.GELU, nn.Hardswish, nn.Hardtanh, nn.Identity),
    *(nn.LeakyReLU, nn.ReLU, nn.Sigmoid, nn.SiLU, nn.Tanh),
)
#: The fully connected layers: our names and torchvision's.
_FC_LAYERS = {'fc6': 'classifier.0', 'fc7': 'classifier.3'}
#: Layers of classifiers and of FCN that the backbones do not have.
_UNUSED = (
    *('classifier.6.', 'fc8.', 'score_', 'scale_', 'upscore'),
    *('fc.', 'aux1.', 'aux2.', 'loss1/', 'loss2/', 'loss3/'),  # GoogLeNet
)
#: Layers of Caffe's GoogLeNet, and of an inception block: our names and Caffe's.
_GOOGLENET = {
    'conv1': 'conv1/7x7_s2',
    'conv2': 'conv2/3x3_reduce',
    'conv3': 'conv2/3x3',
    'branch1': '1x1',
    'branch2.0': '3x3_reduce',
    'branch2.1': '3x3',
    'branch3.0': '5x5_reduce',
    'branch3.1': '5x5',
    'branch4.1': 'pool_proj',
}


def checked_weights(
    checkpoint: Mapping[str, Any], *, allow_nan_in_fc: bool = False
) -> dict[str, Tensor]:
    """Return the state dict of a checkpoint after a check of every name and value.

    Args:
        checkpoint: A state dict, or a dict that has one under ``state_dict`` or
            ``model_state_dict``.
        allow_nan_in_fc: Whether fully connected layers may hold NaN, as they do in
            torchvision's ``IMAGENET1K_FEATURES``.

    Returns:
        The weights by key, without the ``module.`` of DataParallel.

    Raises:
        ValueError: If there are no weights, a key is not a string, or a value is not a
            dense tensor of finite floating-point numbers. The counters of batch norms
            may be integers.
    """
    for wrapper in ('model_state_dict', 'state_dict'):
        if isinstance(checkpoint.get(wrapper), Mapping):
            checkpoint = checkpoint[wrapper]
    weights = {}
    for key, value in checkpoint.items():
        if not isinstance(key, str):
            raise ValueError(f'the key {key!r} is not a string: give a state dict')
        key = key.removeprefix('module.')
        fault = _find_fault(key, value)
        may_be_nan = allow_nan_in_fc and key.startswith(('classifier.', 'fc'))
        if not fault and not may_be_nan and not value.isfinite().all():
            fault = 'NaN or infinite'
        if fault:
            raise ValueError(
                f'{key!r} is {fault}: it must be a dense tensor of finite '
                'floating-point numbers, as in the state dict of a float32 model'
            )
        weights[key] = value
    if not weights:
        raise ValueError('the checkpoint has no weights: give a state dict')
    return weights


def _find_fault(key: str, value: Any) -> str:
    if not isinstance(value, Tensor):
        return f'of type {type(value).__name__}'
    if value.layout != torch.strided or value.is_quantized or value.is_nested:
        return 'sparse, quantized or nested'
    if value.is_meta:
        return 'a meta tensor, which has no values'
    if key.endswith(_COUNTER) and value.dtype == torch.int64:
        return ''
    if value.dtype not in _FLOATS:
        return f'of type {value.dtype}'
    return '' if value.ndim and value.numel() else f'of shape {tuple(value.shape)}'


def rename(
    weights: Mapping[str, Tensor],
    names: Mapping[str, str],
    network: str,
    optional: Collection[str] = (),
) -> dict[str, Tensor]:
    """Rename the weights of a network; ``names`` maps source keys to target keys.

    Raises:
        ValueError: If a key of ``names`` is missing that is neither ``optional`` nor a
            counter of a batch norm, or if a key is not in ``names``.
    """
    for key in names:
        if key not in weights and key not in optional and not key.endswith(_COUNTER):
            raise ValueError(f'{key!r} is missing: give all weights of {network}')
    for key in weights:
        if key not in names:
            raise ValueError(
                f'{key!r} is not a key of {network}: give the weights of that alone'
            )
    return {names[key]: weight for key, weight in weights.items()}


def reshape_weight(key: str, weight: Tensor, shape: torch.Size) -> Tensor:
    """Reshape a weight to that of our network, or raise a ValueError."""
    try:
        if len(shape) == 4:
            weight = fc_to_conv(weight, (shape[2], shape[3]))
        elif len(shape) == 1:  # a bias in an old Caffe file is 1 x 1 x 1 x N
            weight = weight.flatten()
    except ValueError as error:
        raise ValueError(f'{key}: {error}') from error
    if weight.shape != shape:
        raise ValueError(
            f'{key} is {tuple(weight.shape)} in the checkpoint, {tuple(shape)} in the '
            'network: both need the same widths and number of classes'
        )
    return weight


def fc_to_conv(weight: Tensor, kernel_size: int | tuple[int, int]) -> Tensor:
    """Turn the weight of a fully connected layer into a convolution kernel.

    Args:
        weight: (out, in * height * width), for input flattened channel first, or
            (1, 1, out, in * height * width) from an old Caffe file. A weight that has
            this kernel size already is returned as it is.
        kernel_size: Height and width of the map that the layer takes.

    Returns:
        (out, in, height, width), which shares its memory with ``weight``. On a map of
        height x width the convolution equals the layer; on a larger map it returns one
        output per window.

    Raises:
        ValueError: If ``weight`` does not fit such maps.

    Examples:
        >>> fc_to_conv(nn.Linear(6 * 49, 5).weight, 7).shape
        torch.Size([5, 6, 7, 7])
    """
    if isinstance(kernel_size, int):
        kernel_size = (kernel_size, kernel_size)
    height, width = kernel_size
    if weight.ndim == 4 and weight.shape[2:] == (height, width):
        return weight
    if weight.ndim == 4 and weight.shape[:2] == (1, 1):
        weight = weight[0, 0]
    if weight.ndim != 2 or min(height, width) < 1 or weight.shape[1] % (height * width):
        raise ValueError(
            f'a weight of shape {tuple(weight.shape)} does not fit maps of {height} x '
            f'{width}: it must be (out, in * {height} * {width}); give the height and '
            'width of the map before the layer as kernel_size'
        )
    return weight.reshape(len(weight), -1, height, width)


def tail_to_convs(
    tail: Iterable[nn.Module], map_shape: tuple[int, int, int]
) -> nn.Sequential:
    """Turn the fully connected tail of a classifier into convolutions.

    Args:
        tail: The modules after the last pool, such as torchvision's ``classifier``:
            ``nn.Linear``, ``nn.Flatten`` (left out), dropouts and activations (copied).
        map_shape: (channels, height, width) of the map that the tail takes.

    Returns:
        New modules with their own weights. On (N, channels, height, width) they return
        the output of the tail, (N, out, 1, 1); on a larger map one output per window.

    Raises:
        ValueError: If a module is of another kind, or a layer does not fit its input.

    Examples:
        >>> tail_to_convs([nn.Flatten(), nn.Linear(6 * 49, 5)], (6, 7, 7))
        Sequential(
          (0): Conv2d(6, 5, kernel_size=(7, 7), stride=(1, 1))
        )
    """
    convs: list[nn.Module] = []
    channels, *size = map_shape
    for module in tail:
        if isinstance(module, nn.Linear):
            if module.in_features != channels * size[0] * size[1]:
                raise ValueError(
                    f'{module} does not fit {channels} x {size[0]} x {size[1]}: give '
                    'the map_shape of the map before the first fully connected layer'
                )
            weight = fc_to_conv(module.weight, (size[0], size[1]))
            bias = module.bias is not None
            conv = nn.Conv2d(channels, len(weight), (size[0], size[1]), bias=bias)
            conv.to(weight).load_state_dict(module.state_dict() | {'weight': weight})
            convs.append(conv)
            channels, size = module.out_features, [1, 1]
        elif isinstance(module, _COPIED):
            convs.append(deepcopy(module))
        elif not isinstance(module, nn.Flatten):
            raise ValueError(
                f'{module} is not a fully connected layer, a dropout or an activation: '
                'give only the modules after the last pool'
            )
    return nn.Sequential(*convs)


def load_classifier(
    backbone: BaseBackbone, state_dict: dict[str, Tensor], prefix: str = ''
) -> None:
    """Turn the weights of a classifier into those of a backbone of FCN, in place.

    Nothing happens if they are those of the backbone already. The last layer and
    auxiliary classifiers are left out. If fc6 or fc7 have another size or NaN values,
    as in torchvision's ``IMAGENET1K_FEATURES``, they are left out with a warning.

    Args:
        backbone: The backbone that takes the weights.
        state_dict: With the keys of Caffe (``conv1_1.weight``); for a VGG also of
            torchvision and mmcv (``features.0.weight``) or of mmpretrain
            (``backbone.features.0.conv.weight``), for a GoogLeNet of torchvision.
        prefix: Prefix of the backbone's keys in ``state_dict``.

    Raises:
        ValueError: If a value is not a weight or does not fit, a layer is missing, or a
            key belongs to no layer.
    """
    own = backbone.state_dict()
    keys = [key for key in state_dict if key.startswith(prefix)]
    source = {key.removeprefix(prefix): state_dict[key] for key in keys}
    # torchvision's GoogLeNet has our names too, but also a last layer.
    is_classifier = any(key.startswith(_UNUSED) for key in source)
    if not keys or (any(key in own for key in source) and not is_classifier):
        return
    for key in keys:
        del state_dict[key]
    source = {key.removeprefix('backbone.'): value for key, value in source.items()}
    source = checked_weights(source, allow_nan_in_fc=True)
    source = {k: weight for k, weight in source.items() if not k.startswith(_UNUSED)}
    layers = _match_layers(source, own)
    names = {}  # source key: own key
    for key in own:
        layer, _, parameter = key.rpartition('.')
        names[f'{layers.get(layer, layer)}.{parameter}'] = key
    optional = [k for k, name in names.items() if name.startswith(tuple(_FC_LAYERS))]
    name = type(backbone).__name__
    network = f'a classifier with the depth, widths and norm_cfg of this {name}'
    weights = rename(source, names, network, optional)
    fit_input_channels(weights, next(iter(own)), backbone.in_channels)
    fc_layers = [layer for layer in _FC_LAYERS if f'{layer}.conv.weight' in own]
    left_out = [layer for layer in fc_layers if not _fits(layer, weights, own)]
    for key, weight in weights.items():
        if key.split('.')[0] not in left_out:
            state_dict[prefix + key] = reshape_weight(key, weight, own[key].shape)
    text = f'{type(backbone).__name__} loaded the weights of a classifier'
    if left_out:
        text += (
            f', but not of {" and ".join(left_out)}: the checkpoint has no finite '
            "weights of their shapes (torchvision's IMAGENET1K_V1 has them)"
        )
    level = logging.WARNING if left_out else logging.INFO
    print_log(text, logger='current', level=level)


def _fits(layer: str, weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> bool:
    return all(
        key in weights
        and weights[key].numel() == own[key].numel()
        and bool(weights[key].isfinite().all())
        for key in (f'{layer}.conv.weight', f'{layer}.conv.bias')
    )


def _match_layers(source: dict[str, Tensor], own: Collection[str]) -> dict[str, str]:
    """Return the layer of the source for each layer of a backbone.

    In ``source``, the bias of a convolution before a batch norm is subtracted from the
    running mean instead, which gives the same output.
    """
    convs = [key.removesuffix('.weight') for key in own if key.endswith('.conv.weight')]
    if 'inception3a.branch1.conv' in convs:
        is_caffes = any('/' in key for key in source)
        return {conv: _caffe_name(conv) for conv in convs} if is_caffes else {}
    features = [key for key in source if key.startswith('features.')]
    kernels = _in_order(key for key in features if source[key].ndim == 4)
    norms = _in_order(key for key in features if key.endswith('.running_mean'))
    if f'{convs[0]}.bias' not in own:
        for kernel, norm in zip(kernels, norms, strict=False):
            mean = f'{norm}.running_mean'
            source[mean] = source[mean] - source.pop(f'{kernel}.bias', 0)
    layers = {}
    for i, conv in enumerate(convs[: -len(_FC_LAYERS)]):
        name = conv.removesuffix('.conv')
        layers[conv] = kernels[i] if i < len(kernels) else name
        layers[f'{name}.bn'] = norms[i] if i < len(norms) else f'{name}.bn'
    for ours, theirs in _FC_LAYERS.items():
        layers[f'{ours}.conv'] = theirs if kernels else ours
    return layers


def _caffe_name(conv: str) -> str:
    """Return Caffe's name of a convolution of GoogLeNet.

    Examples:
        >>> _caffe_name('inception3a.branch2.0.conv')
        'inception_3a/3x3_reduce'
    """
    layer = conv.removesuffix('.conv')
    if not layer.startswith('inception'):
        return _GOOGLENET[layer]
    block, _, branch = layer.removeprefix('inception').partition('.')
    return f'inception_{block}/{_GOOGLENET[branch]}'


def _in_order(keys: Iterable[str]) -> list[str]:
    """Return the layers of keys such as features.10.weight, sorted by number."""
    layers = {key.rpartition('.')[0] for key in keys}
    return sorted(layers, key=lambda layer: (len(layer), layer))
