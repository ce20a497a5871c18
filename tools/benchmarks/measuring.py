"""How tools/benchmark_table.py and tools/benchmark_layers.py measure a comparison."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from benchmarks.clock import milliseconds, peak_mib
from benchmarks.comparisons import FLOOR, OURS, Comparison


@dataclass
class Measured:
    """One variant: its times by round, and its peak memory, which a floor lacks."""

    milliseconds: list[float]
    peak_mib: float | None

    def time(self) -> str:
        """Say the median, with the quartiles."""
        first, middle, third = statistics.quantiles(self.milliseconds, n=4)
        return f'{middle:.1f} ({first:.1f} to {third:.1f})'

    def ratio(self, other: 'Measured') -> str:
        """Say how much time it takes by another's, round by round: median and range."""
        if self is other:
            return '1'
        pairs = zip(self.milliseconds, other.milliseconds, strict=True)
        ratios = sorted(own / its for own, its in pairs)
        middle = statistics.median(ratios)
        return f'{middle:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})'

    def peak(self) -> str:
        """Say the memory."""
        return '-' if self.peak_mib is None else f'{self.peak_mib:.1f}'

    def cells(self, ours: 'Measured') -> str:
        """Say time, ratio to ours, and memory."""
        return f'{self.time()} | {self.ratio(ours)} | {self.peak()}'


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
    found = {}
    with torch.set_grad_enabled(train):
        steps = comparison.make_steps(comparison.make_input(train), train)
        steps = {name: step for name, step in steps.items() if name not in without}
        inputs = {name: partial(comparison.input_of, name, train) for name in steps}
        for name, step in steps.items():
            peak = peak_mib(step, inputs[name], device)  # warms up, too
            found[name] = Measured([], None if name.startswith(FLOOR) else peak)
        for i in range(rounds):
            # There and back: a variant inherits the allocator as its neighbour left it.
            for name in [*steps][:: -1 if i % 2 else 1]:
                call = partial(steps[name], inputs[name]())
                found[name].milliseconds.append(milliseconds(call, device, clock))
    return found


def joined(runs: Sequence[dict[str, Measured]]) -> dict[str, Measured]:
    """Put the rounds of several runs together."""
    return {
        name: Measured([t for run in runs for t in run[name].milliseconds], m.peak_mib)
        for name, m in runs[0].items()
    }


def rows(
    title: str, forward: dict[str, Measured], training: dict[str, Measured]
) -> list[str]:
    """Say forward and training steps: a row of Markdown per variant."""
    lines = []
    for name, measured in forward.items():
        cells = measured.cells(forward[OURS]), training[name].cells(training[OURS])
        lines.append(
            f'| {title if name == OURS else ""} | {name} | {" | ".join(cells)} |'
        )
    return lines
