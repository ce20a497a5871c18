"""Grids: the means of a map's cells in squares, and grids enlarged to a map.

Both are products with small matrices, one for the rows and one for the columns. Where
the channels lie apart, a CPU computes the products faster than PyTorch its pools and
its interpolation, which copies such a map there and back; and they can be exported for
sizes that are known only later, which ONNX's pools cannot.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .memory import is_channels_last, is_traced


def grid_means(x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Average (N, C, H, W) over square grids, to one (N, C, size, size) per size.

    In graphs of float16, a bin's sum over its rows must be below 65504.
    """
    if not sizes or not (is_traced() or _suits_products(x)):
        return [functional.adaptive_avg_pool2d(x, size) for size in sizes]
    # All grids' rows at once: the map is read once.
    inside, cells = _bins(x.shape[2], sizes, x)
    grids = ((inside @ x) / cells).split([*sizes], 2)
    return [_column_means(grid, size) for grid, size in zip(grids, sizes, strict=True)]


def add_enlarged(x: Tensor, grids: Sequence[Tensor], align_corners: bool) -> Tensor:
    """Add grids (N, C, size, size), enlarged bilinearly, to a map (N, C, H, W).

    The map may be changed in place.
    """
    height, width = x.shape[2:]
    if not grids or is_traced() or not _suits_products(x):
        for grid in grids:
            x += functional.interpolate(
                grid, (height, width), mode='bilinear', align_corners=align_corners
            )
        return x
    to_rows = [_enlargement(grid, height, align_corners) for grid in grids]
    to_columns = [_enlargement(grid, width, align_corners) for grid in grids]
    wide = [g @ m for g, m in zip(grids, to_columns, strict=True)]
    rows = torch.cat(to_rows).t().expand(x.shape[0] * x.shape[1], -1, -1)
    maps = x.flatten(0, 1)
    return maps.baddbmm_(rows, torch.cat(wide, 2).flatten(0, 1)).view_as(x)


def _suits_products(x: Tensor) -> bool:
    """Say whether products are faster and as exact: not so in half precision."""
    exact = x.dtype in (torch.float32, torch.float64)
    return exact and x.device.type == 'cpu' and not is_channels_last(x)


def _column_means(x: Tensor, size: int) -> Tensor:
    inside, cells = _bins(x.shape[3], [size], x)
    return (x @ inside.t()) / cells.t()


def _bins(length: int, sizes: Sequence[int], like: Tensor) -> tuple[Tensor, Tensor]:
    """Make the matrix of which cell is in which bin, and the bins' numbers of cells.

    One row per bin of each size: 1 where the cell belongs to it, else 0, which any
    precision holds exactly.
    """
    first, end = [], []
    for size in sizes:
        bins = torch.arange(size, device=like.device)[:, None]
        first.append(bins * length // size)
        end.append(((bins + 1) * length + size - 1) // size)
    firsts, ends = torch.cat(first), torch.cat(end)
    cells = torch.arange(length, device=like.device)
    inside = (cells >= firsts) & (cells < ends)
    return inside.to(like.dtype), (ends - firsts).to(like.dtype)


def _enlargement(grid: Tensor, length: int, align_corners: bool) -> Tensor:
    """Make the (size, length) matrix that enlarges an axis."""
    unit = torch.eye(grid.shape[2], dtype=grid.dtype, device=grid.device)
    return functional.interpolate(
        unit[None], length, mode='linear', align_corners=align_corners
    )[0]
