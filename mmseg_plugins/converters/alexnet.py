"""Checkpoints of CaffeNet and AlexNet in Caffe's names, as FCNAlexNet's.

Source: BVLC/caffe, models/bvlc_reference_caffenet/train_val.prototxt, for the names.
"""

from collections.abc import Mapping

from torch import Tensor

from mmseg_plugins.converters.fc_to_conv import fc_to_conv

_KERNELS = dict(conv1=11, conv2=5, conv3=3, conv4=3, conv5=3, fc6=6, fc7=1)
_UNUSED = ('fc8.', 'score_fr.', 'upscore.')


def convert_alexnet(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of a classifier to the keys of ``FCNAlexNet``.

    The last layer is left out; fc6 and fc7, where there are any, become convolutions.

    Args:
        state_dict: With Caffe's names, as ``read_caffemodel`` gives them, with or
            without the prefix ``backbone.``; not modified.

    Returns:
        A new dict with keys such as ``conv1.conv.weight`` and ``fc6.conv.bias``, which
        may share memory with the old.

    Raises:
        ValueError: If it is torchvision's AlexNet, which is another network, or a
            weight has not the kernel that the layer needs.
        KeyError: If a key belongs to no layer, or a convolution is missing.
    """
    source = {key.removeprefix('backbone.'): v for key, v in state_dict.items()}
    converted = {}
    for key, value in source.items():
        layer, _, slot = key.rpartition('.')
        if layer in _KERNELS and slot in ('weight', 'bias'):
            converted[f'{layer}.conv.{slot}'] = _convert(layer, slot, value)
        elif layer.startswith('features.'):
            raise ValueError(
                f"{key} of {tuple(value.shape)} is of torchvision's AlexNet, whose "
                'convolutions have 64, 192, 384, 256 and 256 channels in one group; '
                "the authors' CaffeNet has 96, 256, 384, 384 and 256, and two groups "
                'in conv2, conv4 and conv5: give its weights, in Caffe names'
            )
        elif not key.startswith(_UNUSED):
            raise KeyError(
                f'{key!r} is no key of CaffeNet: give a checkpoint with Caffe names, '
                'such as conv1.weight and fc6.bias'
            )
    for name in _KERNELS:
        if name.startswith('conv') and f'{name}.conv.weight' not in converted:
            raise KeyError(
                f'{name} is missing in the checkpoint: give all of its layers'
            )
    return converted


def _convert(layer: str, slot: str, value: Tensor) -> Tensor:
    if slot == 'bias':
        return value.flatten()  # Caffe's old form is (1, 1, 1, out)
    try:
        return fc_to_conv(value, _KERNELS[layer])
    except ValueError as error:
        raise ValueError(f'{layer} of the checkpoint: {error}') from error
