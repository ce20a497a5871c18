"""Bilinear upsampling by an integer factor: interpolated, or a deconvolution.

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

    Examples:
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
        enlarged = super().forward(x)
        return _upsample(enlarged, size, scale=1, limit=self.stride[0])


@torch.fx.wrap  # one node in a symbolic trace, since it iterates over sizes
def _upsample(x: Tensor, size: torch.Size, scale: int, limit: int) -> Tensor:
    """Enlarge by ``scale`` and cut a surplus below ``limit``, or resize to ``size``."""
    height, width = size
    bottom = _surplus(x.shape[2] * scale, height, limit)
    right = _surplus(x.shape[3] * scale, width, limit)
    enlarged = (height + bottom, width + right)
    x = functional.interpolate(x, enlarged, mode='bilinear', align_corners=False)
    # A negative padding cuts, and unlike a slice it exports with dynamic sizes.
    return functional.pad(x, (0, -right, 0, -bottom))


def _surplus(length: int, target: int, limit: int) -> int:
    """Return ``length - target`` if that is from 0 to ``limit - 1``, else 0."""
    # Arithmetic, because a comparison would fix the sizes of an exported graph.
    surplus = length - target
    if isinstance(surplus, Tensor):  # torch.jit.trace has tensors as sizes
        return surplus * torch.minimum(surplus + 1, limit - surplus).clamp(0, 1)
    fits = torch.sym_min(1, torch.sym_min(surplus + 1, limit - surplus))
    return surplus * torch.sym_max(0, fits)
