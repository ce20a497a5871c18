r"""Time layers beside what they replace and beside their floor, in several processes.

python tools/benchmark_layers.py strip_pooling --threads 2
python tools/benchmark_layers.py strip_pooling_choices --threads 2
python tools/benchmark_layers.py encoding

Each process times all variants in rounds, there and back. "Faster" is the time of the
form that is replaced by a variant's: for strip pooling the authors', in NCHW; for its
choices the operations of PyTorch and mmcv, in the same layout; for the encoding stock
mmseg's. "Floor" is a variant's time by that of its convolutions or matrix products
alone, in the same layout. Both are medians over all rounds, with the least and the
greatest.
"""

import argparse

import mmseg_plugins  # noqa: F401  registers our names

# isort: split
import torch
from benchmark import machine
from benchmarks.choices import choices
from benchmarks.clock import clock_of, in_fresh_processes
from benchmarks.comparisons import (
    AUTHORS,
    FLOOR,
    LAST,
    STOCK,
    Comparison,
    encoding_head,
    encoding_layer,
    strip_pooling,
)
from benchmarks.measuring import Measured, joined, measure
from mmengine.registry import init_default_scope


def comparisons(args: argparse.Namespace) -> list[tuple[Comparison, bool]]:
    """List what is compared, in forward (False) or training steps."""
    side, device = args.side, args.device
    if args.layers == 'encoding':
        heads = [encoding_head(side, labels, device) for labels in (side, 8 * side)]
        return [(encoding_layer(side, device), True), *((head, True) for head in heads)]
    if args.layers == 'strip_pooling_choices':
        return choices(side, device)
    modules = [
        strip_pooling(name, side, device, layouts=True) for name in ('SPM', 'MPM')
    ]
    return [(module, train) for module in modules for train in (True, False)]


def measure_one(args: argparse.Namespace, index: int) -> dict[str, Measured]:
    """Measure a comparison, in a process of its own."""
    torch.set_num_threads(args.threads)
    init_default_scope('mmseg')
    clock = clock_of(args.device, args.threads)
    comparison, train = comparisons(args)[index]
    return measure(comparison, train, args.rounds, args.device, clock)


def table(title: str, found: dict[str, Measured]) -> list[str]:
    """Say a comparison in Markdown."""
    lines = []
    for name, measured in found.items():
        layout = LAST if name.endswith(LAST) else ''
        floor = found.get(f'{FLOOR}{layout}')
        replaced = found.get(AUTHORS) or found[f'{STOCK}{layout}']
        lines.append(
            f'| {title} | {name} | {measured.time()} | {replaced.ratio(measured)} '
            f'| {measured.ratio(floor) if floor else "-"} | {measured.peak()} |'
        )
    return lines


def main(argv: list[str] | None = None) -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('layers', choices=['encoding', 'strip_pooling', 'strip_pooling_choices'])
    add('--device', choices=['cpu', 'cuda'], default='cpu')
    add('--threads', type=int, default=1)
    add('--rounds', type=int, default=6)
    add('--runs', type=int, default=3, help='processes')
    add('--side', type=int, default=64, help='of the maps')
    args = parser.parse_args(argv)
    if args.rounds * args.runs < 2:
        parser.error('a spread needs two rounds at least: raise --rounds')
    lines = [
        f'{machine(args.device)}, {args.threads} threads, torch {torch.__version__}, '
        f'float32, {args.runs} processes of {args.rounds} rounds\n',
        '| step | variant | ms (quartiles) | faster | floor | MiB |',
        '|---|---|---|---|---|---|',
    ]
    for index, (comparison, train) in enumerate(comparisons(args)):
        jobs = [(args, index)] * args.runs
        found = joined([*in_fresh_processes(measure_one, jobs)])
        title = f'{comparison.name}, {"training" if train else "inference"}'
        lines += table(title, found)
        print(f'measured: {title}', flush=True)
    print('\n'.join(lines))


if __name__ == '__main__':
    main()
