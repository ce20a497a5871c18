"""Combine backbones and heads, of ours and of the host, and print what comes of it.

python tools/mixing.py --shape 512 512

Each network is built from a config, trained a step and asked for a prediction, slim and
on a small image. Where all three went well, the table has its parameters and
multiply-adds in usual widths, without auxiliary heads; else the sentence that it ended
in. The cells are in tools/mixtures/.
"""

import argparse
import warnings
from collections.abc import Sequence

import mmseg_plugins  # noqa: F401  registers our names

# isort: split
from mixtures.backbones import BACKBONES, OURS
from mixtures.cells import (
    CELLS,
    MISTAKES,
    Cell,
    costs,
    levels_of,
    try_out,
    what_is_missing,
)
from mixtures.heads import HEADS, OUR_HEADS, STOCK_HEADS
from mmengine.registry import init_default_scope


def describe(cell: Cell, size: tuple[int, int], notes: list[str]) -> str:
    """Say what comes of a cell; a sentence goes to the notes, and its number here."""
    outcome = try_out(cell)
    if outcome.predicted:
        parameters, multiply_adds = costs(cell, size)
        return f'{parameters / 1e6:.1f} M, {multiply_adds / 1e9:.1f} G'
    if outcome.sentence not in notes:
        notes.append(outcome.sentence)
    steps = dict(built=outcome.built, trained=outcome.trained)
    done = [step for step, well in steps.items() if well]
    return f'{", ".join(done) or "no"} ({notes.index(outcome.sentence) + 1})'


def levels(name: str) -> str:
    """List channels and strides of a backbone's levels."""
    if what_is_missing(name):
        return ''
    found = levels_of(name, slim=False)
    return ', '.join(f'{channels} / {stride}' for _, channels, stride in found)


def print_table(backbones: Sequence[str], heads: Sequence[str], size: tuple) -> None:
    """Print backbones by heads, and the sentences below."""
    print(f'| backbone | channels / stride of its levels | {" | ".join(heads)} |')
    print('|---' * (2 + len(heads)) + '|')
    notes: list[str] = []
    cells = {(cell.backbone, cell.head): cell for cell in CELLS}
    for backbone in backbones:
        row = [describe(cells[backbone, head], size, notes) for head in heads]
        print(f'| {backbone} | {levels(backbone)} | {" | ".join(row)} |', flush=True)
    print()
    for number, note in enumerate(notes, 1):
        print(f'{number}. {note}\n')


def print_mistakes() -> None:
    """Print what is asked for wrongly, and what the error says."""
    print('| head, on | with | the error |\n|---|---|---|')
    for cell in MISTAKES:
        changes = ', '.join(f'{key}={value!r}' for key, value in cell.changes.items())
        print(f'| {cell} | `{changes}` | {try_out(cell).sentence} |')


def main(argv: list[str] | None = None) -> None:
    """Try every cell and print Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--shape', type=int, nargs=2, default=[512, 512], help='H W')
    parser.add_argument('--backbones', nargs='+', choices=BACKBONES, default=BACKBONES)
    parser.add_argument('--heads', nargs='+', choices=HEADS, default=HEADS)
    args = parser.parse_args(argv)
    init_default_scope('mmseg')
    warnings.simplefilter('ignore')  # the host's, of each of its classes
    size = tuple(args.shape)
    for backbones, heads in ((BACKBONES, OUR_HEADS), (OURS, STOCK_HEADS)):
        rows = [name for name in backbones if name in args.backbones]
        columns = [name for name in heads if name in args.heads]
        if rows and columns:
            print_table(rows, columns, size)
    print_mistakes()


if __name__ == '__main__':
    main()
