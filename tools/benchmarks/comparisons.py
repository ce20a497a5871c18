"""What tools/benchmark_table.py compares, and the layers in it.

Beside ours stand, where there are any, stock mmseg's part of the same purpose and the
same computation in the authors' form. The floor of a comparison is what ours cannot do
without: its bare matrix products, or its convolutions on the inputs that they get.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from benchmarks.clock import Step
from benchmarks.encoding import (
    BATCH,
    CHANNELS,
    CLASSES,
    CODES,
    HEAD,
    head_step,
    layer_step,
)
from benchmarks.strip_pooling import MODULES, convolutions_step, module_step
from mmseg.models.utils import resize
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from mmseg_plugins.layers import BilinearDeconv, Interpolation

OURS, STOCK, AUTHORS, FLOOR = 'ours', 'stock', "authors' form", 'floor'
LAST = ', channels last'  # at the end of a variant's name


@dataclass(frozen=True)
class Comparison:
    """A name, fresh input (True: that wants gradients), and steps of each variant.

    The steps are those of training, or forward ones, by the second argument. A variant
    may want its input in a layout of its own, made before the clock starts.
    """

    name: str
    make_input: Callable[[bool], object]
    make_steps: Callable[[object, bool], dict[str, Step]]

    def input_of(self, variant: str, train: bool) -> object:
        """Make a variant's input."""
        x = self.make_input(train)
        return tree_map(channels_last, x) if variant.endswith(LAST) else x


def channels_last(x: Tensor) -> Tensor:
    """Lay a map out anew, as a leaf of its own."""
    turned = x.detach().contiguous(memory_format=torch.channels_last)
    return turned.requires_grad_(x.requires_grad)


def steps_of(
    modules: dict[str, nn.Module], x: object, train: bool, floor: bool = True
) -> dict[str, Step]:
    """Make the modules' steps and, below them, those of our convolutions alone."""
    steps = {name: module_step(module, train) for name, module in modules.items()}
    if floor:
        steps[FLOOR] = convolutions_step(modules[OURS], x, train)
    return steps


def one_map(device: str, *shape: int) -> Callable[[bool], Tensor]:
    """Make what makes a map."""
    return lambda train: torch.rand(shape, device=device, requires_grad=train)


def encoding_layer(side: int, device: str) -> Comparison:
    """Compare the encoding layer, and its bare products."""

    def make_steps(_: object, train: bool) -> dict[str, Step]:
        names = {OURS: OURS, STOCK: STOCK, FLOOR: 'products'}
        return {n: layer_step(v, side, device, train) for n, v in names.items()}

    name = f'Encoding, {CHANNELS} channels, {CODES} codewords, {side} x {side}'
    return Comparison(name, one_map(device, BATCH, CHANNELS, side, side), make_steps)


def encoding_head(side: int, labels: int, device: str) -> Comparison:
    """Compare training steps of EncHead, on labels of another side than the map."""

    def make_steps(_: object, train: bool) -> dict[str, Step]:
        return {name: head_step(name, labels, device) for name in (OURS, STOCK)}

    name = f'EncHead, {side} x {side}, labels {labels} x {labels}'
    widest = HEAD['in_channels'][-1]
    return Comparison(name, one_map(device, BATCH, widest, side, side), make_steps)


def strip_pooling(
    name: str, side: int, device: str, layouts: bool = False
) -> Comparison:
    """Compare a module of strip pooling, and its convolutions."""
    channels, authors, ours = MODULES[name]

    def in_one_layout(x: Tensor, train: bool, end: str = '') -> dict[str, Step]:
        modules = {OURS: ours(channels), AUTHORS: authors(channels)}
        layout = torch.channels_last if end else torch.contiguous_format
        modules = {
            variant: module.to(device, memory_format=layout)
            for variant, module in modules.items()
        }
        steps = steps_of(modules, x, train)
        return {f'{variant}{end}': step for variant, step in steps.items()}

    def make_steps(x: Tensor, train: bool) -> dict[str, Step]:
        steps = in_one_layout(x, train)
        if layouts:
            steps |= in_one_layout(channels_last(x), train, LAST)
        return steps

    title = f'{name}, {channels} channels, {side} x {side}'
    return Comparison(title, one_map(device, BATCH, channels, side, side), make_steps)


class StockResize(nn.Module):
    """The host's enlargement of logits."""

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return resize(x, [8 * n for n in x.shape[2:]], None, 'bilinear', False)


def upsampling(side: int, device: str) -> Comparison:
    """Compare the enlargement of FCN's scores."""

    def make_steps(x: object, train: bool) -> dict[str, Step]:
        how = dict(kernel_size=16, padding=4, learned=False)
        authors = BilinearDeconv(CLASSES, 8, **how).to(device)
        modules = {OURS: Interpolation(8), STOCK: StockResize(), AUTHORS: authors}
        return steps_of(modules, x, train, floor=False)

    name = f'FCN upsampling by 8, {CLASSES} classes, {side} x {side}'
    return Comparison(name, one_map(device, BATCH, CLASSES, side, side), make_steps)
