"""Time of the SPM and the MPM against the authors' form, in both memory layouts.

The variants take turns in one run; the ratios are medians over the rounds. On one
thread of a CPU the process's own time counts, since others may share the machine.
``convolutions`` are the module's convolutions alone, on the inputs that they have in
it: what no other form of the rest can go below. A step of training is a forward and a
backward pass.

On one thread and small batches, PyTorch sends 1 x 1 convolutions of float32 to its own
slow kernel, not to oneDNN's, in every variant here alike: on two threads and more the
convolutions are cheaper, and the rest of a module weighs more.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._pytree import tree_map

from mmseg_plugins.layers import MixedPooling, StripPooling

LAYOUTS = {'NCHW': torch.contiguous_format, 'channels last': torch.channels_last}
Step = Callable[[Tensor], object]


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
    inputs = tree_map(lambda y: y.detach().clone().requires_grad_(train), inputs)

    def step(_: Tensor) -> None:
        for conv, y in inputs.items():
            result = conv(y)
            if train:
                result.backward(result.detach())

    return step


def milliseconds(step: Step, x: Tensor, train: bool) -> float:
    """Time one step."""
    alone = x.is_cuda or torch.get_num_threads() > 1
    clock = time.perf_counter if alone else time.process_time
    with torch.set_grad_enabled(train):
        start = clock()
        step(x)
        if x.is_cuda:
            torch.cuda.synchronize()
        return 1000 * (clock() - start)


def make_steps(name: str, x: Tensor, train: bool) -> dict[tuple[str, str], tuple]:
    """Make each variant's step and input, by (variant, layout)."""
    channels, authors, ours = MODULES[name]
    steps = {}
    for layout, memory_format in LAYOUTS.items():
        turned = x.contiguous(memory_format=memory_format)
        how = dict(device=x.device, dtype=x.dtype, memory_format=memory_format)
        for variant, cls in (('authors', authors), ('ours', ours)):
            module = cls(channels).to(**how)
            steps[variant, layout] = module_step(module, train), turned
        alone = convolutions_step(ours(channels).to(**how), turned, train)
        steps['convolutions', layout] = alone, turned
    return steps


def median_ratio(a: list[float], b: list[float]) -> float:
    """Divide round by round."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def report(name: str, x: Tensor, train: bool, rounds: int) -> None:
    """Print one row per variant and layout."""
    steps = make_steps(name, x, train)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in steps}
    for i in range(rounds + 2):
        for key, (step, turned) in steps.items():
            fresh = turned.detach().clone().requires_grad_(train)
            taken = milliseconds(step, fresh, train)
            if i > 1:  # the first two warm up
                times[key].append(taken)
    for (variant, layout), taken in times.items():
        faster = median_ratio(times['authors', 'NCHW'], taken)
        cost = median_ratio(taken, times['convolutions', layout])
        print(
            f'| {name}, {"training" if train else "inference"} | {variant} | {layout} '
            f'| {statistics.median(taken):.2f} ({min(taken):.2f} to {max(taken):.2f}) '
            f'| {faster:.2f} | {cost:.2f} |',
            flush=True,
        )


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = 'cuda' if torch.cuda.is_available() else 'cpu'
    parser.add_argument('--device', choices=['cpu', 'cuda'], default=default)
    parser.add_argument('--dtype', default='float32')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--modules', choices=MODULES, nargs='+', default=[*MODULES])
    parser.add_argument('--size', type=int, nargs=2, default=[64, 64])
    parser.add_argument('--batch', type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cuda = args.device == 'cuda'
    machine = torch.cuda.get_device_name() if cuda else platform.machine()
    print(
        f'{machine}, {args.threads} threads, torch {torch.__version__}, {args.dtype}, '
        f'batch {args.batch}, {args.size[0]} x {args.size[1]}\n'
    )
    print('| step | variant | layout | ms | authors in NCHW / this | this / convs |')
    print('|---|---|---|---|---|---|')
    dtype = getattr(torch, args.dtype)
    for name in args.modules:
        shape = (args.batch, MODULES[name][0], *args.size)
        x = torch.rand(shape, device=args.device, dtype=dtype)
        for train in (True, False):
            report(name, x, train, args.rounds)


if __name__ == '__main__':
    main()
