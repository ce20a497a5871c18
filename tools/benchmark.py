r"""Time networks side by side, in one run: any configs, of ours and of stock mmseg.

python tools/benchmark.py configs/dfanet/CONFIG.py mmseg::fastscnn/CONFIG.py \
    --shape 512 1024 --modes fused+channels_last onnx

A mode is one of these, or several joined by +: eager, channels_last, fused (BN into
convolutions), blocked (fused DFANet in whole blocks of channels, for onnx), compiled
(torch.compile), onnx (ONNX Runtime, CPU), cudagraph (GPU).
Inference is the path from an image tensor to logits of its size, without the host's
pre- and post-processing; --train times a forward and backward pass of the losses.
The weights are random. In each round every network runs in every mode: once unseen,
then --calls times under the clock. Each mode's output is compared with eager's first.
"""

import argparse
import json
import platform
import re
import sys
import time
from pathlib import Path

import mmseg_plugins  # noqa: F401  registers our names

# isort: split
import torch
from benchmarks.clock import milliseconds
from benchmarks.modes import check_mode
from benchmarks.timing import DTYPES, Candidate, make_candidates

CLOCK_HELP = 'process: the CPU time of all threads, where others use the machine'
PAUSE = 0.05  # seconds, until the threads of the one before have stopped spinning


def machine(device: str) -> str:
    """Name the processor."""
    if device == 'cuda':
        return torch.cuda.get_device_name()
    info = Path('/proc/cpuinfo')
    names = re.findall(
        r'model name\s*: (.*)', info.read_text() if info.exists() else ''
    )
    return names[0] if names else platform.processor() or platform.machine()


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line, and refuse what cannot run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('configs', nargs='+', metavar='CONFIG', help='file, or package::folder/file.py')
    add('--shape', type=int, nargs='+', default=[512, 1024], help='H W [H W ...]')
    add('--batch', type=int, default=1)
    add('--modes', nargs='+', default=['eager', 'fused+channels_last'])
    add('--rounds', type=int, default=10)
    add('--calls', type=int, default=3)
    add('--threads', type=int, default=torch.get_num_threads())
    add('--device', choices=['auto', 'cpu', 'cuda'], default='auto')
    add('--clock', choices=['wall', 'process'], default='wall', help=CLOCK_HELP)
    add('--dtype', choices=DTYPES, default='fp32')
    add('--train', action='store_true')
    add('--tolerance', type=float, help='of the outputs, relative to their norm')
    add('--json', type=Path, metavar='FILE', help='write all times there')
    args = parser.parse_args(argv)
    if args.device == 'auto':
        args.device = 'cuda' if torch.cuda.is_available() else 'cpu'
    exact = (args.device, args.dtype, args.train) == ('cpu', 'fp32', False)
    args.tolerance = args.tolerance or (1e-4 if exact else 2e-2)  # TF32 on a GPU
    if len(args.shape) % 2:
        parser.error(f'--shape needs pairs of H and W, and got {args.shape}')
    if args.rounds * args.calls < 2:
        parser.error('a spread needs two times at least: raise --rounds')
    if args.clock == 'process' and args.device == 'cuda':
        parser.error('--clock process is for a CPU: a GPU is timed by its own events')
    return args


def main(argv: list[str] | None = None) -> None:
    """Measure, and print a table in Markdown."""
    args = parse(argv)
    torch.set_num_threads(args.threads)
    torch.backends.cudnn.benchmark = True
    made: list[Candidate] = []
    sizes = list(zip(args.shape[::2], args.shape[1::2], strict=True))
    try:
        for mode in args.modes:
            check_mode(mode, args.device, args.train)
        for size in sizes:
            for config in args.configs:
                made += make_candidates(config, size, args)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(str(error))
    for _ in range(args.rounds):
        for each in made:
            time.sleep(PAUSE)
            each.call()
            each.milliseconds += [
                milliseconds(each.call, args.device, args.clock)
                for _ in range(args.calls)
            ]
    work = 'training' if args.train else 'inference'
    title = (
        f'{machine(args.device)}, {args.threads} threads, torch {torch.__version__}, '
        f'{args.dtype}, batch {args.batch}, {work}, {args.clock} time'
    )
    print(
        f'{title}\n\n| network | size | mode | ms, median (quartiles) | peak MiB '
        '| difference | parameters, M | GMACs |\n|---|---|---|---|---|---|---|---|'
    )
    for each in made:
        print(each.row())
    if args.json:
        rows = [{k: v for k, v in vars(each).items() if k != 'call'} for each in made]
        args.json.write_text(json.dumps(dict(machine=title, rows=rows), indent=1))


if __name__ == '__main__':
    main()
