"""Bilinear upsampling on the grid of the pools, and the crop that follows it.

A chain of ceil-rounded 2 x 2 pools puts the centre of cell i of a stride-s map at
pixel s * i + (s - 1) / 2, which is the grid of ``align_corners=False``. Upsampling by
the ratio of two strides and cutting the surplus cells off at the bottom and right
therefore lands exactly on the finer map, whatever the image size.
"""

import torch
from torch import Tensor
from torch.nn import functional


def upsample(x: Tensor, scale: int) -> Tensor:
    """Enlarge (N, C, H, W) bilinearly to (N, C, scale * H, scale * W)."""
    if scale == 1:
        return x
    return functional.interpolate(
        x, scale_factor=float(scale), mode='bilinear', align_corners=False
    )


def crop(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Keep the top left of (N, C, H, W) as (N, C, *size).

    Args:
        x: The map to cut.
        size: (height, width) of the result, in cells.

    Raises:
        ValueError: If ``size`` exceeds the map.

    Example:
        >>> crop(torch.arange(6.0).view(1, 1, 2, 3), (2, 2)).flatten().tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    height, width = x.shape[2:]
    # Comparing sizes would pin them where torch.export keeps them symbolic.
    if not torch.compiler.is_compiling() and (size[0] > height or size[1] > width):
        raise ValueError(
            f'cannot cut a map of {height} x {width} cells to {size[0]} x {size[1]}: '
            'give the strides that the levels of the backbone really have'
        )
    # A negative pad, unlike a slice, exports with dynamic sizes.
    return functional.pad(x, (0, size[1] - width, 0, size[0] - height))
