"""Operations of strip pooling beside those of PyTorch and mmcv that they replace."""

from collections.abc import Callable, Sequence

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
Operation = Callable[[Sequence[Tensor]], object]


def stock_strip_means(maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Average rows and columns, with the gradient that autograd has for it."""
    (x,) = maps
    if x.stride(1) == 1:
        pool = functional.adaptive_avg_pool2d
        return pool(x, (None, 1)), pool(x, (1, None))
    return x.mean(3, keepdim=True), x.mean(2, keepdim=True)


def stock_enlarged(maps: Sequence[Tensor]) -> Tensor:
    """Add grids to a copy of a map, enlarged by interpolation."""
    x, *grids = maps
    total = x.clone()
    for grid in grids:
        total += functional.interpolate(
            grid, x.shape[2:], mode='bilinear', align_corners=True
        )
    return total


def sizes_of(name: str, side: int) -> list[tuple[int, int]]:
    """List the sizes of the maps that an operation takes."""
    whole = (side, side)
    if name.startswith('strips'):
        return [(side, 1), (1, side)]
    return [whole, *((n, n) for n in SIZES)] if name.startswith('grids') else [whole]


OPERATIONS: dict[str, tuple[Operation, Operation]] = {  # name: (ours, stock)
    'means of rows and columns': (lambda maps: strip_means(*maps), stock_strip_means),
    'strips added at each cell': (
        lambda maps: spread_strips(*maps),
        lambda maps: maps[0] + maps[1],
    ),
    'means over grids of 20 and 12': (
        lambda maps: grid_means(*maps, SIZES),
        lambda maps: [functional.adaptive_avg_pool2d(*maps, size) for size in SIZES],
    ),
    'grids of 20 and 12 added to a copy of a map': (
        lambda maps: add_enlarged(maps[0].clone(), maps[1:], True),
        stock_enlarged,
    ),
}


def step_of(operation: Operation, train: bool) -> Step:
    """Make a forward pass and, in training, a backward pass."""

    def step(maps: Sequence[Tensor]) -> None:
        results = operation(maps)
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

    makers = [one_map(device, BATCH, CHANNELS, *size) for size in sizes_of(name, side)]
    title = f'{name}, {CHANNELS} channels, {side} x {side}'
    return Comparison(title, lambda train: [m(train) for m in makers], make_steps), True


def folding(
    channels: tuple[int, int], kernel: int, side: int, device: str
) -> tuple[Comparison, bool]:
    """Compare inference of a convolution with its norm, in both layouts."""

    def make_steps(_: Tensor, train: bool) -> dict[str, Step]:
        how = dict(padding=kernel // 2, norm_cfg=dict(type='BN'))
        layouts = {'': torch.contiguous_format, LAST: torch.channels_last}
        variants = {OURS: FoldingConvModule, STOCK: ConvModule}
        return {
            f'{variant}{end}': cls(*channels, kernel, **how)
            .eval()
            .to(device, memory_format=layout)
            for end, layout in layouts.items()
            for variant, cls in variants.items()
        }

    widths = f'{channels[0]} to {channels[1]} channels'
    name = f'{kernel} x {kernel} convolution and norm, {widths}, {side} x {side}'
    make_input = one_map(device, BATCH, channels[0], side, side)
    return Comparison(name, make_input, make_steps), False


def choices(side: int, device: str) -> list[tuple[Comparison, bool]]:
    """List what strip pooling does in a way of its own; True: in training."""
    operations = [operation(name, side, device) for name in OPERATIONS]
    last, other = (2 * CHANNELS, 4 * CHANNELS), (CHANNELS, CHANNELS)
    convs = [folding(last, 1, side, device), folding(other, 3, side, device)]
    return operations + convs
