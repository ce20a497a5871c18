"""What tools/benchmark.py times: each network in each mode, checked against eager."""

import argparse
import copy
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from benchmarks.clock import peak_mib
from benchmarks.modes import prepare
from benchmarks.networks import Logits, Loss, count, load_segmentor
from torch import Tensor, nn

DTYPES = dict(fp32=torch.float32, fp16=torch.float16, bf16=torch.bfloat16)


@dataclass
class Candidate:
    """A network in a mode at a size, and what was measured of it."""

    name: str
    size: str
    mode: str
    parameters: int
    multiply_adds: int
    call: Callable[[], object] = field(repr=False)
    difference: float = 0.0
    peak_mib: float | None = None
    milliseconds: list[float] = field(default_factory=list)

    def row(self) -> str:
        """Say it in Markdown."""
        first, middle, third = statistics.quantiles(self.milliseconds, n=4)
        peak = '-' if self.peak_mib is None else f'{self.peak_mib:.1f}'
        return (
            f'| {self.name} | {self.size} | {self.mode} | {middle:.2f} ({first:.2f} to '
            f'{third:.2f}) | {peak} | {self.difference:.0e} | '
            f'{self.parameters / 1e6:.2f} | {self.multiply_adds / 1e9:.2f} |'
        )


def outcome(net: nn.Module, call: Callable[[], Tensor]) -> Tensor:
    """Run once; return the logits, or the loss and all gradients."""
    result = call()
    gradients = [p.grad.flatten() for p in net.parameters() if p.grad is not None]
    return torch.cat([result.detach().flatten(), *gradients]).cpu().double()


def make_call(
    net: nn.Module, image: Tensor, mode: str, train: bool
) -> Callable[[], Tensor]:
    """Prepare a mode; a call is an inference, or a forward and backward pass."""
    run = prepare(net, image, mode)

    def infer() -> Tensor:
        with torch.no_grad():
            return run()

    def learn() -> Tensor:
        net.zero_grad()
        loss = run()
        loss.backward()
        return loss

    return learn if train else infer


def make_candidates(
    config: str, size: tuple[int, int], args: argparse.Namespace
) -> list[Candidate]:
    """Make a network's candidates, each compared with eager and its memory measured.

    Raises:
        ValueError: If a mode's output is not eager's.
    """
    segmentor = load_segmentor(config, size)
    counts = count(segmentor, size)
    kind = dict(device=args.device, dtype=DTYPES[args.dtype])
    image = torch.randn(args.batch, 3, *size).to(**kind)
    net = Loss(segmentor, image) if args.train else Logits(segmentor)
    net.train(args.train).to(**kind)
    eager = copy.deepcopy(net)
    expected = outcome(eager, make_call(eager, image, 'eager', args.train))
    made = []
    for mode in args.modes:
        own = copy.deepcopy(net)
        call = make_call(own, image, mode, args.train)
        error = (outcome(own, call) - expected).norm() / expected.norm()
        if not error < args.tolerance:
            raise ValueError(
                f'{config} in mode {mode} differs from eager by {error:.1e} of its '
                f'norm: another function, or --tolerance {args.tolerance} is too small'
            )
        new = Candidate(
            Path(config).stem, f'{size[0]} x {size[1]}', mode, *counts, call
        )
        new.difference = error.item()
        if not {'onnx', 'cudagraph'} & {*mode.split('+')}:  # not torch's allocator
            new.peak_mib = peak_mib(lambda _, c=call: c(), image.clone, args.device)
        made.append(new)
    return made
