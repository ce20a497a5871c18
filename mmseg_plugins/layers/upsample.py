"""Bilinear upsampling by a whole factor: interpolation, or a transposed convolution.

A chain of 2 x 2 pools that round up puts the centre of cell i of a stride-s map at
pixel s * i + (s - 1) / 2, the grid of ``align_corners=False``. Upsampling by the ratio
of two strides and cutting the surplus at the bottom and right is therefore exact, for
every image size.
"""

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


class BilinearUpsample(nn.Module):
    """Upsample by interpolation, to the size of a finer map.

    Exact where the height and width of the coarse map are those of the finer map
    divided by ``scale`` and rounded up; other maps are resized to the finer map's size.

    Args:
        scale: Factor of height and width.
        align_corners: Always resize, with aligned corners.
    """

    def __init__(self, scale: int, align_corners: bool = False) -> None:
        super().__init__()
        self.scale = scale
        self.align_corners = align_corners

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        """Map (N, C, H, W) to (N, C, *size)."""
        if self.align_corners:
            return functional.interpolate(x, size, mode='bilinear', align_corners=True)
        return _upsample(x, size, self.scale, self.scale)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f'scale={self.scale}, align_corners={self.align_corners}'


class LearnedUpsample(nn.ConvTranspose2d):
    """A transposed convolution that starts as bilinear upsampling and is trained.

    Its kernel is dense, as in the FCN paper, Sec. 4.3. It sees zeros outside the map,
    where :class:`BilinearUpsample` repeats the border.

    Args:
        channels: Channels of input and output.
        scale: Factor of height and width, an even number.
    """

    def __init__(self, channels: int, scale: int) -> None:
        size, padding = 2 * scale, scale // 2
        super().__init__(channels, channels, size, scale, padding, bias=False)
        diagonal = torch.eye(channels)[..., None, None]
        self.weight.data.copy_(diagonal * bilinear_kernel(size))

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:  # type: ignore[override]
        """Map (N, C, H, W) to (N, C, *size)."""
        return _upsample(super().forward(x), size, 1, self.stride[0])


@torch.fx.wrap  # one node in a symbolic trace, since it compares sizes
def _upsample(x: Tensor, size: torch.Size, scale: int, limit: int) -> Tensor:
    """Enlarge by ``scale`` and cut a surplus below ``limit``, or resize to ``size``."""
    enlarged = []
    for cells, target in zip(x.shape[2:], size, strict=True):
        if torch.compiler.is_compiling():  # comparing would fix the sizes of the graph
            enlarged.append(torch.sym_max(cells * scale, target))
        elif torch.jit.is_tracing():  # there, sizes are tensors
            pair = torch.as_tensor(cells * scale), torch.as_tensor(target)
            enlarged.append(torch.maximum(*pair))
        else:
            is_exact = 0 <= cells * scale - target < limit
            enlarged.append(cells * scale if is_exact else target)
    x = functional.interpolate(x, enlarged, mode='bilinear', align_corners=False)
    # A negative padding cuts, and unlike a slice it exports with dynamic sizes.
    bottom, right = size[0] - enlarged[0], size[1] - enlarged[1]
    return functional.pad(x, (0, right, 0, bottom))
