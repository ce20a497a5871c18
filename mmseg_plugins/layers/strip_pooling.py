"""Strip pooling: the two modules of SPNet.

Paper: Hou et al., "Strip Pooling: Rethinking Spatial Pooling for Scene Parsing", CVPR
2020, https://arxiv.org/abs/2003.13328.
Code:  houqb/SPNet, models/resnet.py (the SPM, there ``SPBlock``) and models/
customize.py (the MPM, there ``StripPooling``), MIT and non-commercial; differs here in:
the names, no interpolation of strips, which is copying them, and the MPM's two reducing
convolutions, which are one.

Shapes: N batch, C channels, H and W the size of the map.
"""

from collections.abc import Sequence
from functools import partial

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from mmseg_plugins.registry import MODELS

from .folding_conv import FoldingConvModule
from .grids import add_enlarged, grid_means
from .strips import spread_strips, strip_means

BN = dict(type='BN')


@MODELS.register_module()
class StripPooling(nn.Module):
    """The strip pooling module, SPM: gate a map by its rows' and columns' means.

    With the (3, 1) and (1, 3) convolutions f_v and f_h, batch norm included::

        y = ReLU(f_v(mean of x over W) + f_h(mean of x over H))
        out = x * sigmoid(conv1x1(y))

    It is also a plugin layer, by name, for the blocks of mmseg's ResNets and for
    ``mmcv.cnn.build_plugin_layer``. Paper, Sec. 3.1; the norm, the ReLU and the bias of
    the last convolution are the authors' code's.

    Args:
        in_channels: C, which all layers keep.
        conv_cfg: Of the strips' convolutions.
        norm_cfg: Of the norms after them.
    """

    _abbr_ = 'spm'

    def __init__(
        self,
        in_channels: int,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = BN,
    ) -> None:
        super().__init__()
        conv = partial(_strip_conv, in_channels, conv_cfg=conv_cfg, norm_cfg=norm_cfg)
        self.vertical = conv((3, 1))
        self.horizontal = conv((1, 3))
        self.gate = nn.Conv2d(in_channels, in_channels, 1)
        nn.init.kaiming_normal_(self.gate.weight, mode='fan_out', nonlinearity='relu')

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the gated (N, C, H, W)."""
        gate = self.gate_map(x)
        if gate.requires_grad or gate.dtype != x.dtype:
            return x * gate
        return gate.mul_(x)  # no new memory

    def gate_map(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the gate, (N, C, H, W) in (0, 1)."""
        return self.gate(_strips(x, self.vertical, self.horizontal)).sigmoid_()


class MixedPooling(nn.Module):
    """The mixed pooling module, MPM: square pools and strips, added to the map.

    Short range, from the first half of the reduced map: a 3 x 3 convolution and, per
    pool size, the mean over a grid of that many cells a side, convolved and enlarged,
    summed up. Long range, from the second half: the strips. Paper, Sec. 3.2.

    Args:
        in_channels: C.
        pool_sizes: Rows and columns of each square pool; a map may be smaller.
        ratio: Each half has C // ratio channels.
        align_corners: Of enlarging the square pools; True in the authors' code.
        conv_cfg: Of the convolutions.
        norm_cfg: Of the norms after them.

    Raises:
        ValueError: If a pool size is less than 1, or ``ratio`` is not between 1 and C.
    """

    def __init__(
        self,
        in_channels: int,
        pool_sizes: Sequence[int] = (20, 12),
        ratio: int = 4,
        align_corners: bool = True,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = BN,
    ) -> None:
        super().__init__()
        _check_arguments(in_channels, pool_sizes, ratio)
        self.pool_sizes = tuple(pool_sizes)
        self.align_corners = align_corners
        width = in_channels // ratio
        cfgs = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg)
        self.reduce = FoldingConvModule(in_channels, 2 * width, 1, **cfgs)
        conv3x3 = partial(FoldingConvModule, width, width, 3, padding=1, **cfgs)
        self.local = conv3x3(act_cfg=None)
        self.pools = nn.ModuleList(conv3x3(act_cfg=None) for _ in pool_sizes)
        self.horizontal = _strip_conv(width, (1, 3), **cfgs)
        self.vertical = _strip_conv(width, (3, 1), **cfgs)
        self.fuse_short = conv3x3()
        self.fuse_long = conv3x3()
        self.fuse = FoldingConvModule(2 * width, in_channels, 1, act_cfg=None, **cfgs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        out = self.fuse(self._ranges(x))
        out += x  # in place: new memory of this size costs more than the sum
        return out.relu_()

    def extra_repr(self) -> str:
        """Show the pools."""
        return f'pool_sizes={self.pool_sizes}, align_corners={self.align_corners}'

    def _ranges(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to what both ranges see, (N, 2 * width, H, W)."""
        short, long = self.reduce.halves(x)
        short = self._short_range(short)
        short = self.fuse_short(short)
        long = _strips(long, self.vertical, self.horizontal)
        long = self.fuse_long(long)
        return torch.cat([short, long], 1)

    def _short_range(self, x: Tensor) -> Tensor:
        grids = grid_means(x, self.pool_sizes)
        grids = [conv(grid) for conv, grid in zip(self.pools, grids, strict=True)]
        return add_enlarged(self.local(x), grids, self.align_corners).relu_()


def _strips(x: Tensor, vertical: nn.Module, horizontal: nn.Module) -> Tensor:
    """Add the convolved means of rows and columns at each cell, (N, C, H, W)."""
    rows, columns = strip_means(x)
    return spread_strips(vertical(rows), horizontal(columns)).relu_()


def _strip_conv(channels: int, kernel_size: tuple[int, int], **cfgs) -> ConvModule:
    padding = (kernel_size[0] // 2, kernel_size[1] // 2)
    return ConvModule(
        channels, channels, kernel_size, padding=padding, act_cfg=None, **cfgs
    )


def _check_arguments(in_channels: int, pool_sizes: Sequence[int], ratio: int) -> None:
    if any(size < 1 for size in pool_sizes):
        raise ValueError(f'pool_sizes={pool_sizes} must all be at least 1')
    if not 1 <= ratio <= in_channels:
        raise ValueError(
            f'ratio={ratio} must be between 1 and in_channels={in_channels}'
        )
