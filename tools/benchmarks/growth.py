"""How cost grows with pixels and with classes, for tools/benchmark_table.py."""

import statistics
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.compared_networks import NETWORKS, enc_head, network
from benchmarks.comparisons import FLOOR, OURS, STOCK, Comparison, encoding_layer
from benchmarks.measuring import measure
from benchmarks.networks import find_config
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from mmengine.config import Config

REAL_TIME = 'DFANet-A; stock: Fast-SCNN'
STYLES = {OURS: 'o-', STOCK: 's--', FLOOR: 'k:'}


@dataclass
class Curves:
    """Points (x, ms, MiB) of each variant, over pixels or classes.

    ``power`` says how memory grows with x at most, to stop a variant before the limit.
    """

    title: str
    axis: str
    make: Callable[[int], Comparison]
    train: bool
    power: int
    points: dict[str, list[tuple]] = field(default_factory=dict)

    def grow(self, values: Sequence[int], limit_mib: float, how: tuple) -> None:
        """Measure at each value, leaving out who would need more memory."""
        for x in values:
            full = {
                name
                for name, points in self.points.items()
                if (points[-1][2] or 0) * (x / points[-1][0]) ** self.power > limit_mib
            }
            for name, found in measure(self.make(x), self.train, *how, full).items():
                middle = statistics.median(found.milliseconds)
                self.points.setdefault(name, []).append((x, middle, found.peak_mib))

    def table(self) -> list[str]:
        """Say the points in Markdown: ms, and MiB where known."""
        values = sorted(
            {point[0] for points in self.points.values() for point in points}
        )
        lines = [
            f'| {self.title} | {" | ".join(map(str, values))} |',
            '|---' * (len(values) + 1) + '|',
        ]
        for name, points in self.points.items():
            cells = dict.fromkeys(values, '-')
            for x, ms, mib in points:
                cells[x] = f'{ms:.0f} ms' + (f', {mib:.0f} MiB' if mib else '')
            lines.append(f'| {name} | {" | ".join(cells.values())} |')
        return [*lines, '']


def with_classes(name: str, classes: int, file: Path) -> str:
    """Write a config with another number of classes."""
    cfg = Config.fromfile(find_config(name))
    for head in (cfg.model.decode_head, *(cfg.model.get('auxiliary_head') or [])):
        head.num_classes = classes
    cfg.dump(file)
    return str(file)


def real_time(classes: int, device: str) -> Comparison:
    """Compare the networks for speed with another number of classes."""
    pair = NETWORKS[REAL_TIME]
    how = dict(side=256, device=device, batch=1, floor=False)

    def make_steps(x: object, train: bool) -> dict:
        with tempfile.TemporaryDirectory() as folder:
            configs = [
                with_classes(name, classes, Path(folder) / f'{i}.py')
                for i, name in enumerate(pair)
            ]
            return network(REAL_TIME, configs, **how).make_steps(x, train)

    return replace(network(REAL_TIME, pair, **how), make_steps=make_steps)


def all_curves(device: str) -> list[Curves]:
    """List what the plot shows, without points."""
    pixels, classes = 'side of the image, pixels', 'classes'
    names = NETWORKS[REAL_TIME]
    return [
        Curves(
            'encoding layer, training step',
            pixels,
            lambda side: encoding_layer(side // 8, device),
            train=True,
            power=2,
        ),
        Curves(
            'DFANet-A, stock: Fast-SCNN, inference',
            pixels,
            lambda side: network(REAL_TIME, names, side, device, batch=1, floor=False),
            train=False,
            power=2,
        ),
        Curves(
            'EncHead, training step, images of 128 x 128',
            classes,
            lambda n: enc_head(128, n, device, width=256, floor=False),
            train=True,
            power=1,
        ),
        Curves(
            'DFANet-A, stock: Fast-SCNN, inference, 256 x 256',
            classes,
            lambda n: real_time(n, device),
            train=False,
            power=1,
        ),
    ]


def draw(curves: Sequence[Curves], file: Path) -> None:
    """Draw time above, memory below."""
    figure = Figure(figsize=(13, 6), dpi=80, layout='constrained')
    axes = figure.subplots(2, len(curves), sharex='col', squeeze=False)
    for column, each in zip(axes.T, curves, strict=True):
        column[0].set_title(textwrap.fill(each.title, 30), fontsize=10)
        column[1].set_xlabel(each.axis)
        ticks = sorted(
            {point[0] for points in each.points.values() for point in points}
        )
        for row, label in enumerate(('time, ms', 'peak memory, MiB'), 1):
            panel = column[row - 1]
            for name, points in each.points.items():
                if points[0][row] is not None:
                    drawn = [p[0] for p in points], [p[row] for p in points]
                    panel.plot(*drawn, STYLES[name], label=name, markersize=4)
            panel.set(xscale='log', yscale='log', ylabel=label)
            panel.set_xticks(ticks, map(str, ticks), fontsize=8, rotation=45)
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter('{x:g}')
            panel.minorticks_off()
            panel.grid(alpha=0.3)
            panel.legend(fontsize=9)
    figure.savefig(file)
