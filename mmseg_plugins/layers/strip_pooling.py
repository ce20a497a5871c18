"""Strip pooling: the two modules of SPNet.

Paper: Hou et al., "Strip Pooling: Rethinking Spatial Pooling for Scene Parsing", CVPR
2020, https://arxiv.org/abs/2003.13328.
Code:  houqb/SPNet, models/resnet.py (the SPM, there ``SPBlock``) and
models/customize.py (the MPM, there ``StripPooling``), MIT and non-commercial; differs
here in: names of the layers; strips are broadcast instead of interpolated.
"""

from collections.abc import Sequence
from functools import partial

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, constant_init
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.registry import MODELS

BN = dict(type='BN')
#: Bias of an open gate at the start: sigmoid(3) is 0.95.
OPEN_GATE_BIAS = 3.0
# PyTorch before 2.7 has no is_exporting.
is_exporting = getattr(torch.compiler, 'is_exporting', torch.compiler.is_compiling)


@MODELS.register_module()
class StripPooling(BaseModule):
    """The strip pooling module, SPM: gate a map by the means of its rows and columns.

    With the (3, 1) and (1, 3) convolutions f_v and f_h, norm included::

        y = ReLU(f_v(mean of x over W) + f_h(mean of x over H))
        out = x * sigmoid(conv1x1(y))

    It is also a plugin layer, by name, for the blocks of mmseg's ResNets and for
    ``mmcv.cnn.build_plugin_layer``. Paper, Sec. 3.1; the norm, the ReLU and the bias of
    the last convolution are those of the authors' code.

    Args:
        in_channels: C, which all layers keep.
        conv_cfg: Config of the strips' convolutions.
        norm_cfg: Config of the norm layers after them.
        open_gate: Whether the gate starts at 0.95 everywhere, so that a pretrained
            network keeps its features. If not, it starts with random weights around
            0.5, as in the authors' code.
    """

    _abbr_ = 'spm'

    def __init__(
        self,
        in_channels: int,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = BN,
        open_gate: bool = True,
    ) -> None:
        super().__init__()
        self.open_gate = open_gate
        cfgs = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg)
        self.vertical = _strip_conv(in_channels, (3, 1), **cfgs)
        self.horizontal = _strip_conv(in_channels, (1, 3), **cfgs)
        self.gate = nn.Conv2d(in_channels, in_channels, 1)
        nn.init.kaiming_normal_(self.gate.weight, mode='fan_out', nonlinearity='relu')
        self._open_gate()

    def init_weights(self) -> None:
        """Open the gate again: the backbone has initialized all its convolutions."""
        super().init_weights()
        self._open_gate()

    def _open_gate(self) -> None:
        if self.open_gate:
            constant_init(self.gate, 0, bias=OPEN_GATE_BIAS)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the gated (N, C, H, W)."""
        return x * self.gate_map(x)

    def gate_map(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the gate, (N, C, H, W) in (0, 1)."""
        return self.gate(_strip_sum(x, self.vertical, self.horizontal)).sigmoid()


class MixedPooling(nn.Module):
    """The mixed pooling module, MPM: square pools and strips, added to the map.

    Short range: a 3 x 3 convolution plus, for each pool size, an adaptive average pool,
    a 3 x 3 convolution and upsampling. Long range: the two strips. Each range has its
    own map of C // 4 channels. Paper, Sec. 3.2.

    Args:
        in_channels: C.
        pool_sizes: Output sizes of the square pools; may exceed the size of the map.
        align_corners: ``align_corners`` of the upsampling; True in the authors' code.
        conv_cfg: Config of the convolutions.
        norm_cfg: Config of the norm layers after them.
        zero_init_residual: Whether the weight of the last norm starts at zero, so that
            the module starts as the identity. If not, it starts at one, as in the
            authors' code.

    Raises:
        ValueError: If a pool size is less than 1, or C is less than 4.
    """

    def __init__(
        self,
        in_channels: int,
        pool_sizes: Sequence[int] = (20, 12),
        align_corners: bool = True,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = BN,
        zero_init_residual: bool = True,
    ) -> None:
        super().__init__()
        if any(size < 1 for size in pool_sizes):
            raise ValueError(f'pool_sizes={pool_sizes}: all must be at least 1')
        if in_channels < 4:
            raise ValueError(f'in_channels={in_channels}: must be at least 4')
        self.pool_sizes = tuple(pool_sizes)
        self.align_corners = align_corners
        width = in_channels // 4
        cfgs = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg)
        conv3x3 = partial(ConvModule, width, width, 3, padding=1, **cfgs)
        self.reduce_short = ConvModule(in_channels, width, 1, **cfgs)
        self.reduce_long = ConvModule(in_channels, width, 1, **cfgs)
        self.local = conv3x3(act_cfg=None)
        self.pools = nn.ModuleList(conv3x3(act_cfg=None) for _ in pool_sizes)
        self.horizontal = _strip_conv(width, (1, 3), **cfgs)
        self.vertical = _strip_conv(width, (3, 1), **cfgs)
        self.fuse_short = conv3x3()
        self.fuse_long = conv3x3()
        self.fuse = ConvModule(2 * width, in_channels, 1, act_cfg=None, **cfgs)
        if zero_init_residual:
            zero_last_layer(self.fuse)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        short = self.fuse_short(self._square_sum(self.reduce_short(x)))
        strips = _strip_sum(self.reduce_long(x), self.vertical, self.horizontal)
        ranges = torch.cat([short, self.fuse_long(strips)], 1)
        return functional.relu(x + self.fuse(ranges))

    def _square_sum(self, x: Tensor) -> Tensor:
        """Add the local map and the upsampled square pools, (N, width, H, W)."""
        total = self.local(x)
        for size, conv in zip(self.pool_sizes, self.pools, strict=True):
            total = total + functional.interpolate(
                conv(_square_pool(x, size)),
                x.shape[2:],
                mode='bilinear',
                align_corners=self.align_corners,
            )
        return functional.relu(total)


def zero_last_layer(module: ConvModule) -> None:
    """Start a convolution and its norm with an output of zero."""
    last = module.norm if module.with_norm else module.conv
    if last.weight is None or not last.weight.requires_grad:
        last = module.conv  # a norm that does not train would stay at zero
    constant_init(last, 0)


def _strip_sum(x: Tensor, vertical: nn.Module, horizontal: nn.Module) -> Tensor:
    """Add the convolved means of rows and columns at each cell, (N, C, H, W)."""
    rows = vertical(x.mean(3, keepdim=True))  # (N, C, H, 1)
    columns = horizontal(x.mean(2, keepdim=True))  # (N, C, 1, W)
    return functional.relu(rows + columns)


def _strip_conv(channels: int, kernel_size: tuple[int, int], **cfgs) -> ConvModule:
    padding = (kernel_size[0] // 2, kernel_size[1] // 2)
    return ConvModule(
        channels, channels, kernel_size, padding=padding, act_cfg=None, **cfgs
    )


def _square_pool(x: Tensor, size: int) -> Tensor:
    """Average (N, C, H, W) over a grid, (N, C, size, size)."""
    if not (is_exporting() or torch.jit.is_tracing()):
        return functional.adaptive_avg_pool2d(x, size)
    # The same as matrix products: ONNX cannot pool a map of unknown size.
    for _ in range(2):  # pool the rows and transpose; the second time, the columns
        inside = _bin_matrix(x.shape[2], size, x)
        x = ((inside @ x) / inside.sum(1, keepdim=True)).transpose(2, 3)
    return x


def _bin_matrix(length: int, size: int, x: Tensor) -> Tensor:
    """Make the (size, length) matrix of which cells are in which bin, 1 or 0."""
    bins = torch.arange(size, device=x.device)[:, None]
    first, end = bins * length // size, ((bins + 1) * length + size - 1) // size
    cells = torch.arange(length, device=x.device)
    return ((cells >= first) & (cells < end)).to(x.dtype)
