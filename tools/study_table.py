"""The table and the chart of a study: one row for each config."""

import json
import shlex
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from compare import common_ending
from matplotlib.figure import Figure
from output_file import output_file

from mmseg_plugins.report.evaluation import mean_of_numbers

RESULT = 'result.json'
MEASURES = ('mIoU', 'accuracy', 'boundary IoU')  # and the groups
COSTS = ('parameters', 'multiply-adds', 'training s', 'iterations')
UNITS = {'parameters': 1e6, 'multiply-adds': 1e9}


def by_config(results: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the results of each config."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault(result['config'], []).append(result)
    return groups


def read_result(run: Path, groups: dict[str, str]) -> dict[str, Any]:
    """Return the result of a run, with the mean IoU of each group of classes."""
    result = json.loads((run / RESULT).read_text())
    for name, classes in groups.items():
        ious = np.array([result['IoU'][each] for each in classes.split(',')])
        result[name] = mean_of_numbers(ious)
    return result


def cell(results: list[dict[str, Any]], column: str) -> str:
    """Return the mean of a column, with its standard deviation if there are seeds."""
    values = [result[column] / UNITS.get(column, 1) for result in results]
    digits = 2 if column in UNITS else 0 if column in COSTS else 1
    spread = f' ± {np.std(values, ddof=1):.{digits}f}' if len(values) > 1 else ''
    is_equal = len({*values}) == 1
    return f'{np.mean(values):.{digits}f}{"" if is_equal else spread}'


def write_tables(out: Path, runs: Iterable[Path], args: Namespace) -> str:
    """Write table.md and table.json of the finished runs; return the former."""
    finished = [run for run in runs if (run / RESULT).is_file()]
    results = [read_result(run, args.groups) for run in finished]
    columns = [*MEASURES, *args.groups, *COSTS]
    units = {1e6: ', M', 1e9: ', G'}
    heads = [name + units.get(UNITS.get(name), '') for name in columns]
    lines = [
        f'| {" | ".join(["config", "seeds", *heads])} |',
        '|---' * (len(columns) + 2) + '|',
    ]
    for config, group in by_config(results).items():
        seeds = ', '.join(str(result['seed']) for result in group)
        cells = [cell(group, column) for column in columns]
        lines.append(f'| {" | ".join([config, seeds, *cells])} |')
    groups = '; '.join(f'{name}: {names}' for name, names in args.groups.items())
    lines += [
        '',
        'Mean and standard deviation over the seeds; IoU and accuracy in percent on '
        f'the test data. {groups}',
        '',
        *sorted({f'Machine: {result["settings"]["machine"]}' for result in results}),
        f'Runs at once: {args.jobs}. Runs finished: {len(results)} of {len(runs)}.',
        '',
        f'    python tools/study.py {shlex.join(args.words)}',
        '',
    ]
    texts = {'table.md': '\n'.join(lines), 'table.json': json.dumps(results, indent=1)}
    for name, text in texts.items():
        with output_file(out / name) as file:
            file.write_text(text)
    return texts['table.md']


def write_chart(path: Path, results: Iterable[dict[str, Any]]) -> None:
    """Draw the mIoU of each run as a dot, one line for each config, the best on top."""
    groups = {
        config: [result['mIoU'] for result in group]
        for config, group in by_config(results).items()
    }
    configs = sorted(groups, key=lambda config: np.mean(groups[config]))
    figure = Figure(figsize=(7, 0.8 + 0.3 * len(configs)), dpi=120, layout='tight')
    axes = figure.add_subplot()
    for row, config in enumerate(configs):
        mean = np.mean(groups[config])
        axes.plot(groups[config], [row] * len(groups[config]), 'o', color='#9db8d9')
        axes.plot(mean, row, '|', color='#1f4e8c', markersize=16, markeredgewidth=2)
        axes.annotate(
            f'{mean:.1f}', (1.01, row), xycoords=('axes fraction', 'data'), va='center'
        )
    ending = common_ending(configs)
    names = [config.removesuffix(ending) for config in configs]
    axes.set_yticks(range(len(configs)), names)
    axes.set_ylim(-0.6, len(configs) - 0.4)
    axes.set_xlabel('mIoU on the test data; a dot for each seed, a line for the mean')
    axes.grid(axis='x', color='#dddddd')
    axes.set_axisbelow(True)
    with output_file(path) as file:
        figure.savefig(file)
