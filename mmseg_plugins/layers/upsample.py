"""Bilinear upsampling by a whole factor, and the crop that follows it.

A chain of ceil-rounded 2 x 2 pools puts the centre of cell i of a stride-s map at
pixel s * i + (s - 1) / 2, which is the grid of ``align_corners=False``. Upsampling by
the ratio of two strides and cutting the surplus cells off at the bottom and right
therefore lands exactly on the finer map, whatever the image size.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


def bilinear_kernel(kernel_size: int) -> Tensor:
    """Make the square kernel that upsamples by (kernel_size + 1) // 2.

    Source: BVLC/caffe, include/caffe/filler.hpp, BilinearFiller.

    Example:
        >>> bilinear_kernel(4)[0].tolist()
        [0.0625, 0.1875, 0.1875, 0.0625]
    """
    factor = (kernel_size + 1) // 2
    distance = (torch.arange(kernel_size) - (kernel_size - 1) / 2).abs()
    line = 1 - distance / factor
    return line.outer(line)


class Interpolation(nn.Module):
    """Enlarge bilinearly; beyond the outermost centres the border is repeated.

    Args:
        scale: Factor of height and width.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, scale * H, scale * W)."""
        return functional.interpolate(
            x, scale_factor=float(self.scale), mode='bilinear', align_corners=False
        )

    def extra_repr(self) -> str:
        """Show the factor."""
        return f'scale={self.scale}'


class BilinearDeconv(nn.Module):
    """A transposed convolution that starts, or stays, bilinear upsampling.

    Inside the map it equals :class:`Interpolation`; at the border it sees zeros where
    the other repeats the border.

    Args:
        channels: C.
        scale: Factor of height and width, the stride of the convolution.
        kernel_size: 2 * scale, or 2 * scale - 1 where cells are centred on pixels.
        padding: Cells cut off on each side of the result; scale // 2 keeps the grid,
            0 is the authors' (voc-fcn8s/net.py).
        learned: Whether a dense kernel is trained, as in the CVPR paper, Sec. 4.3; else
            it is fixed, one channel at a time, as in the authors' published code.
    """

    def __init__(
        self,
        channels: int,
        scale: int,
        *,
        kernel_size: int,
        padding: int,
        learned: bool,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.padding = padding
        self.groups = 1 if learned else channels
        kernel = bilinear_kernel(kernel_size)
        if learned:
            diagonal = torch.eye(channels)[..., None, None]
            self.weight = nn.Parameter(diagonal * kernel)
        else:
            fixed = kernel.expand(channels, 1, -1, -1).clone()
            self.register_buffer('weight', fixed, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to scale * (H - 1) + kernel_size - 2 * padding rows."""
        return functional.conv_transpose2d(
            x,
            self.weight,
            stride=self.scale,
            padding=self.padding,
            groups=self.groups,
        )


def crop(x: Tensor, size: Sequence[int], offset: int = 0) -> Tensor:
    """Cut (N, C, H, W) to (N, C, *size).

    Args:
        x: The map to cut.
        size: (height, width) of the result, in cells.
        offset: Rows left out at the top, and columns at the left.

    Raises:
        ValueError: If ``size`` and ``offset`` together exceed the map.

    Example:
        >>> crop(torch.arange(6.0).view(1, 1, 2, 3), (1, 2), 1).flatten().tolist()
        [4.0, 5.0]
    """
    height, width = x.shape[2:]
    bottom, right = height - offset - size[0], width - offset - size[1]
    # Comparing sizes would pin them where torch.export keeps them symbolic.
    if not torch.compiler.is_compiling() and (bottom < 0 or right < 0):
        raise ValueError(
            f'cannot cut a map of {height} x {width} cells to {size[0]} x {size[1]} '
            f'from cell {offset} on: give the strides that the levels of the backbone '
            'really have'
        )
    # A negative pad, unlike a slice, exports with dynamic sizes.
    return functional.pad(x, (-offset, -right, -offset, -bottom))


def stride_steps(strides: Sequence[int]) -> list[tuple[int, int]]:
    """Pair each stride with the next finer one, coarse to fine, and the last with 1."""
    descending = [*strides[::-1], 1]
    return list(pairwise(descending))


def deconv_kernel_size(scale: int, centre: float) -> int:
    """Twice the scale, or one less where cells are centred on pixels (AlexNet: 63)."""
    return 2 * scale - (centre % 1 == 0)


def crop_offsets(strides: Sequence[int], centre: float) -> dict[int, int]:
    """Find where the authors' network cuts its skips and its logits.

    Its backbone pads the image by 100 pixels: the first cell of a stride-s pool is
    centred at pixel (s - 1) / 2 - 99, and unpadded deconvolutions grow to all sides.

    Args:
        strides: Of the levels, finest first.
        centre: Pixel at the centre of the coarsest level's first cell.

    Returns:
        For each skip's stride the cell to begin at, and for 1 the pixel of the logits.

    Raises:
        ValueError: If ``centre`` puts cells between those of a skip.

    Example:
        >>> crop_offsets([8, 16, 32], 12.5)
        {16: 5, 8: 9, 1: 31}
    """
    offsets = {}
    for source, target in stride_steps(strides):
        # An unpadded deconvolution begins half a kernel before the first cell's centre.
        centre -= (deconv_kernel_size(source // target, centre) - 1) / 2 * target
        first = (target - 1) / 2 - 99 if target > 1 else 0
        offset = abs(centre - first) / target
        if offset % 1:
            raise ValueError(
                f'centre puts cells {offset % 1} off those of stride {target}: give '
                '12.5 for VGG, 13 for AlexNet without skips'
            )
        offsets[target] = int(offset)
    return offsets
