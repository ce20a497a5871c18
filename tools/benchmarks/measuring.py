"""How tools/benchmark_table.py measures a comparison."""

import statistics
from dataclasses import dataclass
from functools import partial

import torch
from benchmarks.comparisons import FLOOR, OURS, Comparison
from benchmarks.encoding import peak_mib
from benchmarks.timing import milliseconds


@dataclass
class Measured:
    """One variant: its times by round, and its peak memory, which a floor lacks."""

    milliseconds: list[float]
    peak_mib: float | None

    def cells(self, ours: 'Measured') -> str:
        """Say the time with its quartiles, its ratio to ours, and the memory."""
        first, middle, third = statistics.quantiles(self.milliseconds, n=4)
        pairs = zip(self.milliseconds, ours.milliseconds, strict=True)
        ratio = statistics.median(own / other for own, other in pairs)
        peak = '-' if self.peak_mib is None else f'{self.peak_mib:.1f}'
        return f'{middle:.1f} ({first:.1f} to {third:.1f}) | {ratio:.2f} | {peak}'


def measure(
    comparison: Comparison,
    train: bool,
    rounds: int,
    device: str,
    clock: str,
    without: set[str] = frozenset(),
) -> dict[str, Measured]:
    """Measure the peak of each variant's first step, then time them in turns.

    Gradients are made in the first step and are part of its peak, as the input is; the
    weights are not.
    """
    make_input = partial(comparison.make_input, train)
    found = {}
    with torch.set_grad_enabled(train):
        steps = comparison.make_steps(make_input(), train)
        steps = {name: step for name, step in steps.items() if name not in without}
        for name, step in steps.items():
            peak = peak_mib(step, make_input, device)  # warms up, too
            found[name] = Measured([], None if name == FLOOR else peak)
        for i in range(rounds):
            # There and back: a variant inherits the allocator as its neighbour left it.
            for name in [*steps][:: -1 if i % 2 else 1]:
                call = partial(steps[name], make_input())
                found[name].milliseconds.append(milliseconds(call, device, clock))
    return found


def rows(comparison: Comparison, rounds: int, device: str, clock: str) -> list[str]:
    """Measure forward and training steps; return a row of Markdown per variant."""
    forward = measure(comparison, False, rounds, device, clock)
    training = measure(comparison, True, rounds, device, clock)
    lines = []
    for name in forward:
        title = comparison.name if name == OURS else ''
        lines.append(
            f'| {title} | {name} | {forward[name].cells(forward[OURS])} '
            f'| {training[name].cells(training[OURS])} |'
        )
    return lines
