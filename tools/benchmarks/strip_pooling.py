"""The SPM and the MPM in the authors' form, and steps of a module and its floor."""

import torch
from benchmarks.clock import Step
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._pytree import tree_map

from mmseg_plugins.layers import MixedPooling, StripPooling


def conv_norm(in_channels: int, channels: int, kernel: tuple[int, int]) -> nn.Module:
    """Make a convolution that keeps the size, and its batch norm."""
    padding = kernel[0] // 2, kernel[1] // 2
    conv = nn.Conv2d(in_channels, channels, kernel, padding=padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels))


class AuthorsSPM(nn.Module):
    """The SPM as the authors write it: adaptive pools, expanded."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.column = conv_norm(channels, channels, (3, 1))
        self.row = conv_norm(channels, channels, (1, 3))
        self.gate = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Gate (N, C, H, W)."""
        column = self.column(functional.adaptive_avg_pool2d(x, (None, 1)))
        row = self.row(functional.adaptive_avg_pool2d(x, (1, None)))
        total = column.expand_as(x) + row.expand_as(x)
        return x * self.gate(functional.relu(total, inplace=True)).sigmoid()


class AuthorsMPM(nn.Module):
    """The MPM as the authors write it: two reductions, everything interpolated."""

    def __init__(self, channels: int, pool_sizes: tuple[int, int] = (20, 12)) -> None:
        super().__init__()
        width, square = channels // 4, (3, 3)
        sizes = [*((size, size) for size in pool_sizes), (None, 1), (1, None)]
        kernels = [square, square, (3, 1), (1, 3)]
        self.reductions = nn.ModuleList(
            conv_norm(channels, width, (1, 1)) for _ in range(2)
        )
        self.local = conv_norm(width, width, square)
        self.pooled = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), conv_norm(width, width, kernel))
            for size, kernel in zip(sizes, kernels, strict=True)
        )
        self.fusions = nn.ModuleList(conv_norm(width, width, square) for _ in range(2))
        self.fuse = conv_norm(2 * width, channels, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        relu = nn.ReLU(inplace=True)
        short, long = (relu(reduction(x)) for reduction in self.reductions)
        enlarged = [
            functional.interpolate(
                branch(short if i < 2 else long),
                x.shape[2:],
                mode='bilinear',
                align_corners=True,
            )
            for i, branch in enumerate(self.pooled)
        ]
        short = relu(self.local(short) + enlarged[0] + enlarged[1])
        long = relu(enlarged[2] + enlarged[3])
        halves = [f(t) for f, t in zip(self.fusions, (short, long), strict=True)]
        return relu(x + self.fuse(torch.cat([relu(half) for half in halves], 1)))


MODULES = {  # name: (channels, the authors', ours)
    'SPM': (512, AuthorsSPM, StripPooling),
    'MPM': (1024, AuthorsMPM, MixedPooling),
}


def module_step(module: nn.Module, train: bool) -> Step:
    """Make a forward pass and, in training, a backward pass."""
    module.train(train)

    def step(x: object) -> None:
        result = module(x)
        if train:
            result.backward(result.detach())

    return step


def convolutions_step(module: nn.Module, x: Tensor, train: bool) -> Step:
    """Make the step that runs the convolutions of a module alone."""
    inputs: dict[nn.Module, Tensor | tuple[Tensor, ...]] = {}
    handles = [
        conv.register_forward_pre_hook(lambda m, args: inputs.update({m: args[0]}))
        for conv in module.modules()
        if isinstance(conv, nn.Conv2d)
    ]
    module(x)
    for handle in handles:
        handle.remove()
    inputs = tree_map(
        lambda y: y.detach().clone().requires_grad_(train and y.requires_grad), inputs
    )

    def step(_: Tensor) -> None:
        for conv, y in inputs.items():
            result = conv(y)
            if train:
                result.backward(result.detach())

    return step
