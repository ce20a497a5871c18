"""Time and peak memory of the encoding layer and EncHead, against stock mmseg's.

The variants take turns in one run; on a CPU the process's own time counts, since
others may share the machine. Peak memory is the most that torch's allocator holds
during a step, input included. ``products`` are the layer's matrix products alone.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.models.utils import Encoding as StockEncoding
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.profiler import profile

from mmseg_plugins.layers import Encoding

BATCH, CHANNELS, CODES, CLASSES = 2, 512, 32, 150
HEAD = dict(
    in_channels=[512, 1024, 2048],
    in_index=[0, 1, 2],
    channels=CHANNELS,
    num_codes=CODES,
    num_classes=CLASSES,
    norm_cfg=dict(type='BN'),
    loss_decode=dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
)
Step = Callable[[Tensor], object]


def layer_step(variant: str, side: int, device: str, train: bool = True) -> Step:
    """Make a pass of a layer, or its matrix products: forward, and back in training."""
    layer = (StockEncoding if variant == 'stock' else Encoding)(CHANNELS, CODES)
    layer.to(device)
    codes = torch.randn(BATCH, CODES, CHANNELS, device=device)
    weights = torch.rand(BATCH, CODES, side * side, device=device)
    both = torch.cat([codes, codes], 1).transpose(1, 2)
    both_weights = torch.cat([weights, weights], 1)

    def products(x: Tensor) -> object:
        x = x.detach().flatten(2)
        forward = torch.bmm(codes, x), torch.bmm(weights, x.transpose(1, 2))
        if not train:
            return forward
        to_weights, to_x = torch.bmm(codes, x), torch.bmm(both, both_weights)
        return forward, to_weights, to_x, torch.bmm(weights, x.transpose(1, 2))

    def step(x: Tensor) -> object:
        return layer(x).backward(codes) if train else layer(x)

    return products if variant == 'products' else step


def head_step(variant: str, side: int, device: str) -> Step:
    """Make a training step of a head, without an optimiser."""
    scope = 'mmseg' if variant == 'stock' else 'mmseg_plugins'
    head = MODELS.build(dict(HEAD, type=f'{scope}.EncHead')).to(device)
    labels = torch.randint(0, CLASSES, (1, side, side), device=device)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels))] * BATCH

    def step(x: Tensor) -> object:
        losses = head.loss([x, x, x], samples, None)
        return sum(v for k, v in losses.items() if 'loss' in k).backward()

    return step


def milliseconds(step: Step, x: Tensor) -> float:
    """Time one step."""
    clock = time.perf_counter if x.is_cuda else time.process_time
    start = clock()
    step(x)
    if x.is_cuda:
        torch.cuda.synchronize()
    return 1000 * (clock() - start)


def peak_mib(step: Step, make_input: Callable[[], Tensor], device: str) -> float:
    """Measure the most memory that the input and one step hold at a time."""
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(make_input())
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with profile(profile_memory=True) as record:
        step(make_input())
    events = record.profiler.kineto_results.events()
    held = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes() if event.name() == '[memory]' else 0
        peak = max(peak, held)
    return peak / 2**20


def report(name: str, steps: dict, shape: tuple, rounds: int, device: str) -> None:
    """Print one row per variant, with its ratio to ours."""

    def make_input() -> Tensor:
        return torch.rand(shape, device=device, requires_grad=True)

    peaks = {v: peak_mib(step, make_input, device) for v, step in steps.items()}
    times: dict[str, list[float]] = {v: [] for v in steps}
    for _ in range(rounds):
        for variant, step in steps.items():
            times[variant].append(milliseconds(step, make_input()))
    for variant, taken in times.items():
        ratios = [t / ours for t, ours in zip(taken, times['ours'], strict=True)]
        print(
            f'| {name} | {variant} | {statistics.median(taken):.1f} '
            f'({min(taken):.1f} to {max(taken):.1f}) | {statistics.median(ratios):.2f} '
            f'| {peaks[variant]:.1f} | {peaks[variant] / peaks["ours"]:.1f} |',
            flush=True,
        )


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = 'cuda' if torch.cuda.is_available() else 'cpu'
    parser.add_argument('--device', choices=['cpu', 'cuda'], default=default)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--sides', type=int, nargs='+', default=[64, 97])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    init_default_scope('mmseg')
    cuda = args.device == 'cuda'
    machine = torch.cuda.get_device_name() if cuda else platform.machine()
    print(f'{machine}, {args.threads} threads, torch {torch.__version__}\n')
    print('| step | variant | ms, median (spread) | to ours | peak MiB | to ours |')
    print('|---|---|---|---|---|---|')
    how = args.rounds, args.device
    for side in args.sides:
        variants = ('ours', 'products', 'stock')
        steps = {v: layer_step(v, side, args.device) for v in variants}
        shape = (BATCH, CHANNELS, side, side)
        report(f'layer, {side} x {side}', steps, shape, *how)
    for side in args.sides:
        for labels in (side, 8 * side):  # of the map's size, and of the image's
            variants = ('ours', 'stock')
            steps = {v: head_step(v, labels, args.device) for v in variants}
            name = f'head, {side} x {side}, labels {labels} x {labels}'
            report(name, steps, (BATCH, 2048, side, side), *how)


if __name__ == '__main__':
    main()
