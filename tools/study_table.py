"""The table of a study: one row for each config, from the results of its runs."""

import json
import shlex
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from output_file import output_file

RESULT = 'result.json'
MEASURES = ('mIoU', 'accuracy', 'boundary IoU')  # and the groups
COSTS = ('parameters', 'multiply-adds', 'training s', 'iterations')
UNITS = {'parameters': 1e6, 'multiply-adds': 1e9}


def cell(results: list[dict[str, Any]], column: str) -> str:
    """Return the mean of a column, with its standard deviation if there are seeds."""
    values = [result[column] / UNITS.get(column, 1) for result in results]
    digits = 2 if column in UNITS else 0 if column in COSTS else 1
    spread = f' ± {np.std(values, ddof=1):.{digits}f}' if len(values) > 1 else ''
    is_equal = len({*values}) == 1
    return f'{np.mean(values):.{digits}f}{"" if is_equal else spread}'


def write_tables(out: Path, runs: Iterable[Path], args: Namespace) -> str:
    """Write table.md and table.json of the finished runs; return the former."""
    files = [run / RESULT for run in runs if (run / RESULT).is_file()]
    results = [json.loads(file.read_text()) for file in files]
    by_config: dict[str, list] = {}
    for result in results:
        by_config.setdefault(result['config'], []).append(result)
    columns = [*MEASURES, *args.groups, *COSTS]
    units = {1e6: ', M', 1e9: ', G'}
    heads = [name + units.get(UNITS.get(name), '') for name in columns]
    lines = [
        f'| {" | ".join(["config", "seeds", *heads])} |',
        '|---' * (len(columns) + 2) + '|',
    ]
    for config, group in by_config.items():
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
