"""Operations of strip pooling beside those of PyTorch and mmcv that they replace."""

from collections.abc import Callable

import torch
from benchmarks.clock import Step
from benchmarks.comparisons import LAST, OURS, STOCK, Comparison, one_map
from benchmarks.encoding import BATCH
from mmcv.cnn import ConvModule
from torch import Tensor
from torch.nn import functional

from mmseg_plugins.layers import FoldingConvModule
from mmseg_plugins.layers.grids import add_enlarged, grid_means
from mmseg_plugins.layers.strips import spread_strips, strip_means

SIZES = (20, 12)
CHANNELS = 256
Operation = Callable[[Tensor], object]


def strip_maps(x: Tensor) -> tuple[Tensor, Tensor]:
    """Take a row and a column of the map for strips."""
    return x[..., :1], x[..., :1, :]


def stock_strip_means(x: Tensor) -> tuple[Tensor, Tensor]:
    """Average rows and columns as autograd would have it."""
    if x.stride(1) == 1:
        pool = functional.adaptive_avg_pool2d
        return pool(x, (None, 1)), pool(x, (1, None))
    return x.mean(3, keepdim=True), x.mean(2, keepdim=True)


def corners(x: Tensor) -> list[Tensor]:
    """Take grids out of the map."""
    return [x[..., :size, :size].clone() for size in SIZES]


def stock_enlarged(x: Tensor) -> Tensor:
    """Enlarge grids by interpolation."""
    total = x * 1
    for grid in corners(x):
        total += functional.interpolate(
            grid, x.shape[2:], mode='bilinear', align_corners=True
        )
    return total


OPERATIONS: dict[str, tuple[Operation, Operation]] = {  # name: (ours, stock)
    'means of rows and columns': (strip_means, stock_strip_means),
    'strips added at each cell': (
        lambda x: spread_strips(*strip_maps(x)),
        lambda x: sum(strip_maps(x)),
    ),
    'means over grids of 20 and 12': (
        lambda x: grid_means(x, SIZES),
        lambda x: [functional.adaptive_avg_pool2d(x, size) for size in SIZES],
    ),
    'a copy of the map, grids of 20 and 12 added to it': (
        lambda x: add_enlarged(x * 1, corners(x), True),
        stock_enlarged,
    ),
}


def step_of(operation: Operation, train: bool) -> Step:
    """Make a forward pass and, in training, a backward pass."""

    def step(x: Tensor) -> None:
        results = operation(x)
        if train:
            results = [results] if isinstance(results, Tensor) else [*results]
            torch.autograd.backward(results, [result.detach() for result in results])

    return step


def operation(name: str, side: int, device: str) -> tuple[Comparison, bool]:
    """Compare training steps of an operation, in both layouts."""
    ours, stock = OPERATIONS[name]

    def make_steps(_: Tensor, train: bool) -> dict[str, Step]:
        variants = {OURS: ours, STOCK: stock}
        return {
            f'{variant}{end}': step_of(each, train)
            for end in ('', LAST)
            for variant, each in variants.items()
        }

    make_input = one_map(device, BATCH, CHANNELS, side, side)
    return Comparison(name, make_input, make_steps), True


def folding(
    channels: int, kernel: int, side: int, device: str
) -> tuple[Comparison, bool]:
    """Compare inference of a convolution with its norm, in both layouts."""

    def make_steps(_: Tensor, train: bool) -> dict[str, Step]:
        how = dict(padding=kernel // 2, norm_cfg=dict(type='BN'))
        layouts = {'': torch.contiguous_format, LAST: torch.channels_last}
        variants = {OURS: FoldingConvModule, STOCK: ConvModule}
        return {
            f'{variant}{end}': cls(channels, CHANNELS, kernel, **how)
            .eval()
            .to(device, memory_format=layout)
            for end, layout in layouts.items()
            for variant, cls in variants.items()
        }

    name = f'{kernel} x {kernel} convolution and norm, {channels} to {CHANNELS}'
    make_input = one_map(device, BATCH, channels, side, side)
    return Comparison(name, make_input, make_steps), False


def choices(side: int, device: str) -> list[tuple[Comparison, bool]]:
    """List what strip pooling does in a way of its own; True: in training."""
    operations = [operation(name, side, device) for name in OPERATIONS]
    convs = [
        folding(*conv, side, device) for conv in ((4 * CHANNELS, 1), (CHANNELS, 3))
    ]
    return operations + convs
