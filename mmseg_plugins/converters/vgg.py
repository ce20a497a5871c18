"""VGG checkpoints of other projects, renamed to the keys of FCNVGG.

Layouts: torchvision and mmcv (``features.0.weight``), mmpretrain
(``features.0.conv.weight``), Caffe and pytorch-fcn (``conv1_1.weight``,
``fc6.weight``).
"""

from torch import Tensor

from mmseg_plugins.converters.fc_to_conv import fc_to_conv

#: Convolutions per stage of each depth (Simonyan and Zisserman 2015, Table 1).
VGG_STAGES = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
_FULLY_CONNECTED = {'classifier.0': 'fc6', 'classifier.3': 'fc7'}
_UNUSED = ('classifier.6.', 'fc8.', 'score_', 'scale_', 'upscore')


def conv_names(depth: int) -> list[str]:
    """List the convolutions of a depth in order.

    Example:
        >>> conv_names(11)[:4]
        ['conv1_1', 'conv2_1', 'conv3_1', 'conv3_2']
    """
    stages = enumerate(VGG_STAGES[depth], 1)
    return [f'conv{stage}_{i}' for stage, n in stages for i in range(1, n + 1)]


def convert_vgg(state_dict: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    """Rename a VGG classifier's checkpoint to the keys of ``FCNVGG``.

    A convolution's bias before a batch norm is folded into the running mean, which
    gives the same numbers. The classifier's last layer is left out, and so are fc6 and
    fc7 where they hold NaN (torchvision's ``IMAGENET1K_FEATURES``).

    Args:
        state_dict: Flat, with or without the prefix ``backbone.``; not modified.
        depth: 11, 13, 16 or 19.

    Returns:
        A new dict with keys such as ``conv1_1.conv.weight`` and ``fc6.conv.bias``.

    Raises:
        ValueError: If the checkpoint holds another number of convolutions, or its fc6
            is not for maps of 7 x 7.
        KeyError: If a key belongs to none of the layouts, or a convolution is missing.
    """
    source = {key.removeprefix('backbone.'): v for key, v in state_dict.items()}
    layers = _layer_names(source, depth)
    converted = {}
    for key, value in source.items():
        if key.startswith(_UNUSED):
            continue
        layer, _, slot = key.rpartition('.')
        if layer not in layers:
            raise KeyError(
                f'{key!r} is no key of a VGG-{depth} checkpoint: give one of '
                'torchvision, mmcv or mmpretrain, or one with Caffe names'
            )
        converted[f'{layers[layer]}.{slot}'] = value
    for name in conv_names(depth):
        if f'{name}.conv.weight' not in converted:
            raise KeyError(
                f'{name} of VGG-{depth} is missing in the checkpoint: set depth to the '
                'one it was trained with'
            )
    _convert_fully_connected(converted)
    _fold_biases(converted)
    return converted


def _layer_names(source: dict[str, Tensor], depth: int) -> dict[str, str]:
    """Map each layer of the source to one of ours, by the order of the convolutions."""
    names = conv_names(depth)
    layers = {name: f'{name}.conv' for name in [*names, 'fc6', 'fc7']}
    layers |= {old: f'{new}.conv' for old, new in _FULLY_CONNECTED.items()}
    kernels = [
        k for k, v in source.items() if k.startswith('features.') and v.ndim == 4
    ]
    kernels.sort(key=_feature_index)
    if kernels and len(kernels) != len(names):
        raise ValueError(
            f'the checkpoint has {len(kernels)} convolutions, VGG-{depth} has '
            f'{len(names)}: set depth to the one it was trained with'
        )
    for name, kernel in zip(names, kernels, strict=bool(kernels)):
        layer = kernel.removesuffix('.weight')
        layers[layer] = f'{name}.conv'
        # mmpretrain keeps the batch norm beside its convolution, torchvision behind it.
        index = _feature_index(kernel)
        beside = layer.endswith('.conv')
        norm = f'features.{index}.bn' if beside else f'features.{index + 1}'
        layers[norm] = f'{name}.bn'
    return layers


def _feature_index(key: str) -> int:
    return int(key.split('.')[1])


def _convert_fully_connected(converted: dict[str, Tensor]) -> None:
    for name, kernel_size in (('fc6', 7), ('fc7', 1)):
        keys = [f'{name}.conv.weight', f'{name}.conv.bias']
        if keys[0] not in converted:
            continue
        if all(key in converted and converted[key].isfinite().all() for key in keys):
            try:
                converted[keys[0]] = fc_to_conv(converted[keys[0]], kernel_size)
            except ValueError as error:
                raise ValueError(
                    f'{name} of the checkpoint: {error}, or leave its classifier out '
                    'of the checkpoint'
                ) from error
        else:
            for key in keys:
                converted.pop(key, None)


def _fold_biases(converted: dict[str, Tensor]) -> None:
    """Subtract from each running mean the bias of the convolution before it."""
    for key in [k for k in converted if k.endswith('.bn.running_mean')]:
        bias = converted.pop(key.replace('.bn.running_mean', '.conv.bias'), None)
        if bias is not None:
            converted[key] = converted[key] - bias
