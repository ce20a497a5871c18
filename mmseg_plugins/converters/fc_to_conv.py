"""Fully connected layers as the convolutions that give the same numbers.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 3.1 and Fig. 2.
"""

from collections.abc import Iterable
from copy import deepcopy

from torch import Tensor, nn

_ELEMENTWISE = (
    nn.Dropout,
    nn.ELU,
    nn.GELU,
    nn.Hardswish,
    nn.Hardtanh,  # and ReLU6, its subclass
    nn.Identity,
    nn.LeakyReLU,
    nn.ReLU,
    nn.Sigmoid,
    nn.SiLU,
    nn.Tanh,
)


def fc_to_conv(weight: Tensor, kernel_size: int | tuple[int, int]) -> Tensor:
    """Turn a fully connected weight into that of the equal convolution.

    Args:
        weight: (out, in * height * width), its input flattened channel first. Caffe's
            old form, (1, 1, out, in * height * width), is taken too, and a weight that
            has this kernel already is returned as it is.
        kernel_size: Height and width of the map that the layer took whole.

    Returns:
        (out, in, height, width), which shares its memory with ``weight``. Applied to a
        map of height x width, it gives the numbers of the fully connected layer; on a
        larger map it gives them for every window.

    Raises:
        ValueError: If ``weight`` is not the weight of a layer on such maps.

    Example:
        >>> fc_to_conv(nn.Linear(6 * 49, 5).weight, 7).shape
        torch.Size([5, 6, 7, 7])
    """
    if isinstance(kernel_size, int):
        kernel_size = (kernel_size, kernel_size)
    height, width = kernel_size
    if weight.ndim == 4:
        if weight.shape[2:] == (height, width):
            return weight
        if weight.shape[:2] == (1, 1):
            weight = weight[0, 0]
    if weight.ndim != 2 or min(height, width) < 1 or weight.shape[1] % (height * width):
        raise ValueError(
            f'a weight of {tuple(weight.shape)} is no fully connected layer on maps of '
            f'{height} x {width}: it must be (out, in * {height} * {width}); give the '
            'height and width of the map before the layer as kernel_size'
        )
    return weight.reshape(len(weight), -1, height, width)


def tail_to_convs(
    tail: Iterable[nn.Module], map_shape: tuple[int, int, int]
) -> nn.Sequential:
    """Turn the fully connected tail of a classifier into convolutions.

    The first ``nn.Linear`` becomes a convolution of the whole map, those after it 1 x 1
    convolutions. Dropouts and activations are copied, ``nn.Flatten`` is left out.

    Args:
        tail: The modules after the last pool, in order, such as torchvision's
            ``classifier``; not modified.
        map_shape: (channels, height, width) of the map that the tail takes.

    Returns:
        New modules with weights of their own: (N, channels, height, width) becomes
        (N, out, 1, 1) with the tail's numbers, a larger map one output per window.

    Raises:
        ValueError: If a module is of another kind, or a layer does not fit its input.

    Example:
        >>> tail = [nn.Flatten(), nn.Linear(6 * 49, 5), nn.ReLU(), nn.Linear(5, 2)]
        >>> tail_to_convs(tail, (6, 7, 7))
        Sequential(
          (0): Conv2d(6, 5, kernel_size=(7, 7), stride=(1, 1))
          (1): ReLU()
          (2): Conv2d(5, 2, kernel_size=(1, 1), stride=(1, 1))
        )
    """
    converted: list[nn.Module] = []
    channels, *kernel_size = map_shape
    for module in tail:
        if isinstance(module, nn.Linear):
            converted.append(_to_conv(module, channels, *kernel_size))
            channels, kernel_size = module.out_features, [1, 1]
        elif isinstance(module, _ELEMENTWISE):
            converted.append(deepcopy(module))
        elif not isinstance(module, nn.Flatten):
            raise ValueError(
                f'{type(module).__name__} in the tail has no known convolution: give '
                'only what comes after the last pool, in order: nn.Linear, nn.Flatten, '
                'nn.Dropout and activations'
            )
    return nn.Sequential(*converted)


def _to_conv(linear: nn.Linear, channels: int, height: int, width: int) -> nn.Conv2d:
    if linear.in_features != channels * height * width:
        raise ValueError(
            f'a layer takes {linear.in_features} numbers, but what comes before it '
            f'gives {channels} x {height} x {width}: give the map_shape of the map '
            'before the first fully connected layer'
        )
    weight = fc_to_conv(linear.weight, (height, width))
    conv = nn.Conv2d(
        channels,
        linear.out_features,
        (height, width),
        bias=linear.bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )
    conv.load_state_dict(linear.state_dict() | {'weight': weight})
    return conv
