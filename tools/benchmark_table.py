r"""Make docs/benchmarks.md and docs/growth.png anew, or check such a page.

python tools/benchmark_table.py --out docs/benchmarks.md
python tools/benchmark_table.py --check docs/benchmarks.md

Layers, heads and networks beside stock mmseg's, the authors' form and their floor;
forward and training steps, time and peak memory; then growth with pixels and classes.
Every number in the page is from the one run that wrote it. --check measures the tables
again and names each ratio that lies outside the range that the page gives for it, by
more than the page allows, and each peak of memory that is another; it ends with 1 if
there are any.
"""

import argparse
import os
import shlex
import sys
import time
import warnings
from pathlib import Path

import mmseg_plugins  # noqa: F401  registers our names

# isort: split
import torch
from benchmark import machine
from benchmarks.agreement import MARGIN, disagreements
from benchmarks.clock import clock_of, in_fresh_processes
from benchmarks.compared_networks import NETWORKS, heads, network
from benchmarks.comparisons import (
    BATCH,
    Comparison,
    encoding_layer,
    strip_pooling,
    upsampling,
)
from benchmarks.growth import all_curves, draw
from benchmarks.measuring import Measured, joined, measure, rows
from mmengine.registry import init_default_scope

PARTS = ('layers', 'heads', 'networks', 'growth')
INTRODUCTION = """\
# Benchmarks
What the parts cost, beside stock mmseg's of the same purpose, the authors' form of the
same computation, and the floor: what ours cannot do without. All of this page, the
plot too, is written by

    {command}

{machine}, {cores} cores, threads: {threads}, torch {torch}, float32, batch {batch},
{clock}. The machine was {load}: its load average was {before:.1f}
at the start and {after:.1f} at the end. The run took {minutes:.0f} minutes.

- **ms** are medians, with quartiles in brackets, of {runs} processes of {rounds} rounds
  each. In a process the variants take turns, there and back; a comparison's processes
  lie minutes apart. **x** is a variant's time by that of ours in the same round, above
  1 where it is slower: the median, and in brackets the least and the greatest of all
  rounds. A new run's median should lie between them, on such a machine, or outside by
  less than {margin} of the nearer end. This measures and compares:

      {check}

- **MiB** are the most that torch's allocator holds in a step: its input and gradients
  are in it, the weights are not.
- **Forward** is without gradients; for heads it ends with their logits, for networks
  with logits of the image's size. **Training** is a forward and a backward pass: of the
  losses on labels of the image's size for heads and networks, of its output for a
  layer. The optimiser's step is not in it.
- **Stock** networks and heads come with the losses and auxiliary heads of their own
  config. Weights and inputs are random.
- At inference ours folds its batch norms into its convolutions by itself, where that
  is less work. Stock and the authors' form run theirs; mmcv's `fuse_conv_bn` would fold
  them too.
- **The authors' form** of strip pooling pools adaptively, enlarges by interpolation and
  reduces twice; that of FCN enlarges by fixed transposed convolutions. For the
  encoding, it is what stock mmseg has. DFANet's authors published none.
- **The floor** is the bare matrix products of the encoding layer; else it is the
  convolutions of ours, each on the very input that it gets in there. It has none of the
  enlarged logits and their losses, which is most of what light heads cost in training.
  Its inputs lie ready before, so that its memory says nothing and is not shown.
{quirk}
"""
QUIRK = """\
- **A quirk of one thread:** on one thread and batches below 16, PyTorch sends float32
  convolutions of 1 x 1 to its own slow kernel instead of oneDNN's, in every variant
  alike. With more threads these convolutions are cheaper, the floor is lower, and the
  rest of a module weighs more.
"""
HEADER = """\
| | variant | forward, ms | x | MiB | training, ms | x | MiB |
|---|---|---|---|---|---|---|---|"""
GROWTH = """\
![Cost against pixels and classes](growth.png)

Medians of {rounds} rounds. The map of the encoding layer and of EncHead has an eighth
of the image's side; EncHead sees 256 channels here, the encoding layer 512. The batch
of the networks is 1. A variant ends where its step would hold more than {limit:g} GiB.
"""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--out', type=Path, help='the page; the plot goes beside it')
    what.add_argument('--check', type=Path, metavar='PAGE', help='measure, and compare')
    add('--parts', nargs='+', choices=PARTS, default=PARTS)
    add('--runs', type=int, default=3, help='processes that measure each comparison')
    add('--rounds', type=int, default=4, help='of each process')
    add('--threads', type=int, default=1)
    add('--device', choices=['cpu', 'cuda'], default='cpu')
    add('--side', type=int, default=64, help='of the maps that layers get')
    add('--head-image', type=int, default=256, help='side of the image of heads')
    add('--image', type=int, default=192, help='side of the image of networks')
    sides = [256, 384, 512, 768, 1024, 1536, 2048]
    add('--pixels', type=int, nargs='+', default=sides, help='sides, in the growth')
    add('--classes', type=int, nargs='+', default=[2, 10, 30, 100, 300, 1000])
    add('--limit', type=float, default=4, help='GiB that a step of growth may hold')
    args = parser.parse_args(argv)
    if args.rounds < 2:  # the growth has one process
        parser.error('a spread needs two rounds at least: raise --rounds')
    return args


def comparisons(args: argparse.Namespace) -> dict[str, list[Comparison]]:
    """List what each table has, by its heading."""
    head, image = (f'on {n} x {n} images' for n in (args.head_image, args.image))
    return {
        'Layers': [
            encoding_layer(args.side, args.device),
            strip_pooling('SPM', args.side, args.device),
            strip_pooling('MPM', args.side, args.device),
            upsampling(args.side // 2, args.device),
        ],
        f'Heads, {head}': heads(args.head_image, args.device),
        f'Networks, {image}': [
            network(name, configs, args.image, args.device)
            for name, configs in NETWORKS.items()
        ],
    }


def chosen(args: argparse.Namespace) -> list[tuple[str, list[Comparison]]]:
    """List the tables that --parts names, by heading."""
    tables = comparisons(args).items()
    return [pair for pair in tables if pair[0].split(',')[0].lower() in args.parts]


def measure_one(
    args: argparse.Namespace, table: int, index: int
) -> tuple[dict[str, Measured], dict[str, Measured]]:
    """Measure forward and training steps of one comparison, in a process of its own."""
    torch.set_num_threads(args.threads)
    init_default_scope('mmseg')
    warnings.simplefilter('ignore')  # the host's, of each of its classes
    how = args.rounds, args.device, clock_of(args.device, args.threads)
    comparison = chosen(args)[table][1][index]
    return measure(comparison, False, *how), measure(comparison, True, *how)


def tables(args: argparse.Namespace) -> list[str]:
    """Measure layers, heads and networks, each once before any a second time.

    A comparison's runs lie minutes apart: their range has in it what a machine changes
    in that time.
    """
    every = [
        (heading, comparison, (table, index))
        for table, (heading, compared) in enumerate(chosen(args))
        for index, comparison in enumerate(compared)
    ]
    turns = every * args.runs
    jobs = [(args, *place) for _, _, place in turns]
    done: list[tuple[dict[str, Measured], ...]] = []
    found = in_fresh_processes(measure_one, jobs)
    for (_, comparison, _), measured in zip(turns, found, strict=True):
        done.append(measured)
        print(f'measured, {len(done)} of {len(turns)}: {comparison.name}', flush=True)
    lines = []
    for number, (heading, comparison, (_, index)) in enumerate(every):
        lines += [] if index else ['', f'## {heading}', HEADER]
        runs = done[number :: len(every)]
        forward, training = map(joined, zip(*runs, strict=True))
        lines += rows(comparison.name, forward, training)
    return lines


def growth(args: argparse.Namespace) -> list[str]:
    """Measure growth and draw it."""
    how = args.rounds, args.device, clock_of(args.device, args.threads)
    lines = ['', '## Growth', GROWTH.format(rounds=args.rounds, limit=args.limit)]
    curves = all_curves(args.device)
    for each in curves:
        values = args.classes if each.axis == 'classes' else args.pixels
        each.grow(values, 1024 * args.limit, how)
        lines += each.table()
        print(f'measured: growth of {each.title}', flush=True)
    draw(curves, args.out.with_name('growth.png'))
    return lines


def check(args: argparse.Namespace) -> None:
    """Measure the tables again; leave with 1 where the page says otherwise."""
    found = disagreements(args.check.read_text(), '\n'.join(tables(args)))
    if found:
        sys.exit('\n'.join(found))
    print(f'The tables agree with {args.check}.')


def main(argv: list[str] | None = None) -> None:
    """Measure and write the page."""
    args = parse(argv)
    torch.set_num_threads(args.threads)
    init_default_scope('mmseg')
    warnings.simplefilter('ignore')
    if args.check:
        check(args)
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    start, before = time.perf_counter(), os.getloadavg()[0]
    lines = tables(args)
    if 'growth' in args.parts:
        lines += growth(args)
    one = clock_of(args.device, args.threads) == 'process'
    given = shlex.join(sys.argv[1:] if argv is None else argv)
    wall = 'the events of the device' if args.device == 'cuda' else 'wall-clock time'
    head = INTRODUCTION.format(
        command=f'python tools/benchmark_table.py {given}',
        check=f'python tools/benchmark_table.py {given}'.replace('--out', '--check'),
        machine=machine(args.device),
        threads=args.threads,
        torch=torch.__version__,
        batch=BATCH,
        clock="the process's own CPU time" if one else wall,
        before=before,
        after=os.getloadavg()[0],
        cores=os.cpu_count(),
        load='not idle' if before > 0.5 else 'idle before',
        minutes=(time.perf_counter() - start) / 60,
        margin=MARGIN,
        runs=args.runs,
        rounds=args.rounds,
        quirk=QUIRK if one else '',
    )
    args.out.write_text('\n'.join([head.rstrip(), *lines]).rstrip() + '\n')


if __name__ == '__main__':
    main()
