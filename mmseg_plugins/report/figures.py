"""Figures of the report, as SVG that takes the colour of the page's text."""

import io
import json
import warnings
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure  # without pyplot, which would need a display

from .evaluation import Evaluation, divide

TEXT_COLOUR = '#123456'  # replaced by currentColor, so that it suits light and dark
COLOURS = ('#4c8dd6', '#d9822b', '#3f9f5f', '#b05fc4', '#8c8c8c')
RIGHT, WRONG = (0.18, 0.48, 0.85), (0.90, 0.38, 0.08)
STYLE: dict[Any, Any] = {
    **{
        f'{name}color': TEXT_COLOUR
        for name in ('text.', 'axes.label', 'axes.edge', 'xtick.', 'ytick.')
    },
    'axes.spines.right': False,
    'axes.spines.top': False,
    'font.size': 9,
    'svg.fonttype': 'none',  # text stays text: smaller files, and it can be searched
    'text.parse_math': False,  # a class name may contain $
}
NOT_A_METRIC = {'data_time', 'time', 'step', 'iter', 'epoch'}
PANELS = ('loss', 'learning rate', 'metrics')
#: Up to how many classes a cell of the confusion matrix has which side, in inches.
CELL_SIZES = {12: 0.45, 25: 0.34, 60: 0.2, np.inf: 0.11}
MOST_WITH_NUMBERS = 25
Curve = list[tuple[float, float]]


def read_curves(run: str | Path) -> dict[str, dict[str, Curve]]:
    """Read what mmengine logged during the training of a run folder.

    A training that was resumed has several logs: from where a later one begins, it
    replaces the earlier ones.

    Returns:
        Points (iteration, value) by panel, one of ``PANELS``, and by name of the value.
        Panels with a single point are left out.
    """
    points: list[tuple[float, dict[str, Any]]] = []
    for path in sorted(Path(run).glob('*/vis_data/scalars.json')):
        new = _read_log(path)
        begin = next((step for step, values in new if 'lr' in values), np.inf)
        points = [point for point in points if point[0] < begin] + new
    curves: dict[str, dict[str, Curve]] = {panel: {} for panel in PANELS}
    for step, values in points:
        for name, value in values.items():
            if name == 'lr':
                panel = 'learning rate'
            elif 'lr' not in values and name not in NOT_A_METRIC:
                panel = 'metrics'
            elif 'lr' in values and 'loss' in name:
                panel = 'loss'
            else:
                continue
            curves[panel].setdefault(name, []).append((step, value))
    losses = curves['loss']
    if len(losses) == 2:  # the sum of a single loss
        curves['loss'] = {name: losses[name] for name in losses if name == 'loss'}
    return {
        panel: lines
        for panel, lines in curves.items()
        if any(len(points) > 1 for points in lines.values())
    }


def _read_log(path: Path) -> list[tuple[float, dict[str, Any]]]:
    points: list[tuple[float, dict[str, Any]]] = []
    for line in path.read_text().splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue  # the last line of a training that was killed may be cut off
        step = values.get('step', 0)
        # Epochs are logged as steps of metrics: place them after the training's steps.
        points.append((max(step, points[-1][0] if points else 0), values))
    return points


def draw_curves(curves: dict[str, Curve]) -> Markup:
    """Draw one panel of :func:`read_curves` as SVG."""

    def draw(axes: Axes) -> None:
        for (name, points), colour in zip(curves.items(), cycle(COLOURS)):
            x, y = zip(*points, strict=True)
            marker = 'o' if len(points) < 30 else None
            axes.plot(x, y, color=colour, label=name, marker=marker, markersize=3)
        axes.set_xlabel('iteration')
        axes.grid(color='#8888', linewidth=0.4)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8)

    return _to_svg((4.2, 2.8), draw)


def draw_confusion(evaluation: Evaluation) -> Markup:
    """Draw the confusion matrix as SVG; each row sums to 100 %.

    Classes that are neither labelled nor predicted are left out, and shares below half
    a percent.
    """
    occurs = (evaluation.labelled + evaluation.predicted).any(0)
    counts = evaluation.confusion[occurs][:, occurs]
    shares = np.nan_to_num(divide(counts, counts.sum(1, keepdims=True)))
    number = len(counts)
    cell = next(size for most, size in CELL_SIZES.items() if number <= most)
    font = min(72 * cell * 0.6, 9)  # points
    image = np.empty((number, number, 4))
    image[..., :3] = np.where(np.eye(number, dtype=bool)[..., None], RIGHT, WRONG)
    image[..., 3] = np.where(shares >= 0.005, 0.05 + 0.7 * shares, 0)
    names = [shorten(str(name), 24) for name in evaluation.classes[occurs]]

    def draw(axes: Axes) -> None:
        axes.imshow(image, interpolation='nearest')
        axes.set_xticks(range(number), names, rotation=90, fontsize=font)
        axes.set_yticks(range(number), names, fontsize=font)
        axes.tick_params(length=0)
        axes.set_xlabel('predicted class')
        axes.set_ylabel('labelled class')
        if number <= MOST_WITH_NUMBERS:
            for row, column in np.argwhere(shares >= 0.005):
                text = f'{100 * shares[row, column]:.0f}'
                axes.text(column, row, text, ha='center', va='center', fontsize=8)

    # Space for the names: about half a font size for each letter.
    margin = max(map(len, names)) * font * 0.6 / 72 + 0.4
    return _to_svg((number * cell + margin, number * cell + margin), draw)


def shorten(name: str, length: int) -> str:
    """Return the name, cut to ``length`` letters."""
    return name if len(name) <= length else f'{name[: length - 1]}…'


def _to_svg(size: tuple[float, float], draw: Callable[[Axes], None]) -> Markup:
    """Return an SVG of ``size`` (inches) for the page; ``draw`` fills its axes."""
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Text stays text, so the browser's fonts count, not those of matplotlib.
        warnings.filterwarnings('ignore', 'Glyph .* missing from')
        figure = Figure(figsize=size, layout='constrained')
        draw(figure.add_subplot())
        figure.savefig(buffer, format='svg', transparent=True, metadata={'Date': None})
    svg = buffer.getvalue().replace(TEXT_COLOUR, 'currentColor')
    # matplotlib escapes the texts that it writes.
    return Markup(svg[svg.index('<svg') :])
