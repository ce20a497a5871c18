"""Strips: the means of a map's rows and columns, and a map made of two strips.

The two operations are each other's adjoint, so that each one's gradient is the other.
Autograd of its own would take a pass over the map for each strip, and on a CPU sums of
maps with channels last are slow.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .memory import is_channels_last, is_traced


def strip_means(x: Tensor) -> tuple[Tensor, Tensor]:
    """Average a map (N, C, H, W) over W, to (N, C, H, 1), and over H, (N, C, 1, W)."""
    return _means(x) if is_traced() else _Means.apply(x)


def spread_strips(vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Add (N, C, H, 1) and (N, C, 1, W) at each cell, to (N, C, H, W)."""
    if is_traced():
        return vertical + horizontal
    return _Spread.apply(vertical, horizontal)


def _suits_pools(x: Tensor) -> bool:
    """Say whether pools are faster: 6 times here, and 4 times slower with NCHW."""
    return is_channels_last(x) and x.device.type == 'cpu'


def _means(x: Tensor) -> tuple[Tensor, Tensor]:
    if _suits_pools(x):
        pool = functional.adaptive_avg_pool2d
        return pool(x, (None, 1)), pool(x, (1, None))
    return x.mean(3, keepdim=True), x.mean(2, keepdim=True)


class _Means(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return _means(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        (x,) = inputs
        ctx.size = x.shape[2:]
        last = is_channels_last(x)
        ctx.layout = torch.channels_last if last else torch.contiguous_format

    @staticmethod
    def backward(ctx: Any, vertical: Tensor, horizontal: Tensor) -> Tensor:  # type: ignore[override]
        height, width = ctx.size
        strips = vertical / width, horizontal / height
        return _Spread.apply(*(s.contiguous(memory_format=ctx.layout) for s in strips))


class _Spread(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(vertical: Tensor, horizontal: Tensor) -> Tensor:  # type: ignore[override]
        return vertical + horizontal

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        if x.dtype == torch.float16 or not _suits_pools(x):  # means could vanish
            return x.sum(3, keepdim=True), x.sum(2, keepdim=True)
        vertical, horizontal = _Means.apply(x)
        return vertical * x.shape[3], horizontal * x.shape[2]
