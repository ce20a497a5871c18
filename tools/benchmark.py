r"""Time networks and layers side by side; print each row as soon as it is measured.

python tools/benchmark.py configs/dfanet/CONFIG.py mmseg::fastscnn/CONFIG.py \
    --shape 512 1024 --modes eager fused+channels_last

A network is a config file, or package::folder/file.py for a config of an installed
package; layer:NAME is a layer on a map of an eighth of the image's size. A mode is one
of these, or several joined by +: eager, channels_last, fused (batch norm into
convolutions), compiled (torch.compile), cudagraph (GPU), onnx (ONNX Runtime, CPU).
Inference is from the image tensor to logits of its size; --train is forward, losses
and backward. Weights and images are random. docs/benchmarks.md explains the columns.
--cfg-options changes all configs, such as model.backbone.dtype=None.
"""

import argparse
import copy
import itertools
import platform
import sys
import time
from collections.abc import Callable

from networks import LAYERS, build_with_input, load_config

# isort: split
import torch
from benchmark_modes import DTYPES, check_mode, make_step
from mmengine.config import DictAction
from torch import Tensor, nn

COLUMNS = 'network', 'size', 'mode', 'ms', 'peak MiB', 'parameters, M', 'difference'


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line, and refuse what cannot run."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add('networks', nargs='+', metavar='NETWORK')
    add('--shape', type=int, nargs='+', default=[512, 1024], help='H W [H W ...]')
    add('--batch', type=int, default=1)
    add('--modes', nargs='+', default=['eager'])
    add('--rounds', type=int, default=20, help='timed steps')
    add('--threads', type=int, default=torch.get_num_threads(), help='of the CPU')
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    add('--device', choices=['cpu', 'cuda'], default=device)
    add('--dtype', choices=DTYPES, default='fp32', help='bf16 and fp16: by autocast')
    add('--half', action='store_true', help='weights in --dtype instead of autocast')
    add('--train', action='store_true', help='time training steps')
    add('--cfg-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE')
    args = parser.parse_args(argv)
    if len(args.shape) % 2:
        parser.error(f'--shape {args.shape}: give pairs of H and W')
    if args.rounds < 5:
        parser.error(f'--rounds {args.rounds}: must be at least 5, for quartiles')
    if args.half and (args.train or args.dtype == 'fp32'):
        parser.error('--half: for inference in --dtype bf16 or fp16 only')
    try:
        for mode in args.modes:
            check_mode(mode, args.device, args.dtype, args.train)
        for name in set(args.networks) - set(LAYERS):
            if name.startswith('layer:'):
                parser.error(f'{name}: choose from {", ".join(LAYERS)}')
            load_config(name)
    except ValueError as error:
        parser.error(str(error))
    return args


def milliseconds(step: Callable[[], Tensor], device: str) -> float:
    """Time one step, on a GPU by CUDA events."""
    if device == 'cuda':
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        step()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)
    begin = time.perf_counter()
    step()
    return 1000 * (time.perf_counter() - begin)


def outcome(net: nn.Module, step: Callable[[], Tensor]) -> Tensor:
    """Run a step; return its logits or loss and all gradients, as one vector."""
    output = step().detach()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    return torch.cat([part.flatten().float() for part in (output, *gradients)])


def measure(
    name: str, size: tuple[int, int], mode: str, args: argparse.Namespace
) -> list[str]:
    """Build a network, time it and compare it with eager; return cells of its row."""
    net, x = build_with_input(
        name, args.batch, size, args.train, args.device, args.cfg_options
    )
    parameters = sum(parameter.numel() for parameter in net.parameters())
    eager = copy.deepcopy(net)
    step = make_step(eager, x, 'eager', args.dtype, args.half)
    expected = outcome(eager, step).cpu()
    del eager  # it must not count as memory of this mode
    step = make_step(net, x, mode, args.dtype, args.half)
    for _ in range(3):  # warm up
        step()
    if args.device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    times = sorted(milliseconds(step, args.device) for _ in range(args.rounds))
    peak = '-'  # a replayed CUDA graph allocates nothing
    if args.device == 'cuda' and 'cudagraph' not in mode:
        peak = f'{torch.cuda.max_memory_allocated() / 2**20:.0f}'
    last = len(times) - 1
    first, median, third = (times[round(last * part)] for part in (0.25, 0.5, 0.75))
    expected = expected.to(args.device)
    difference = (outcome(net, step) - expected).norm() / expected.norm()
    return [
        f'{median:.2f} ({first:.2f} to {third:.2f})',
        peak,
        f'{parameters / 1e6:.2f}',
        f'{difference.item():.0e}',
    ]


def main(argv: list[str] | None = None) -> None:
    """Print the table; exit with 1 if a network could not run."""
    args = parse(argv)
    torch.set_num_threads(args.threads)
    torch.backends.cudnn.benchmark = True
    gpu = torch.cuda.get_device_name() if args.device == 'cuda' else ''
    print(
        f'{gpu or platform.machine()}, {args.threads} CPU threads, '
        f'torch {torch.__version__}, {args.dtype}{" weights" * args.half}, '
        f'batch {args.batch}, {"training step" if args.train else "inference"}\n\n'
        f'| {" | ".join(COLUMNS)} |\n{"|---" * len(COLUMNS)}|',
        flush=True,
    )
    failed = False
    sizes = zip(args.shape[::2], args.shape[1::2], strict=True)
    for name, size, mode in itertools.product(args.networks, sizes, args.modes):
        try:
            cells = measure(name, size, mode, args)
        except RuntimeError as error:
            failed = True
            cells = ['failed: ' + str(error).partition('\n')[0], '-', '-', '-']
        title = name.rpartition('/')[2].removesuffix('.py')
        row = title, f'{size[0]} x {size[1]}', mode, *cells
        print(f'| {" | ".join(row)} |', flush=True)  # a run may be cut off
    sys.exit(int(failed))


if __name__ == '__main__':
    main()
