"""Write one file as a whole: nothing is written to a wrong place, and no half file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def output_file(target: Path) -> Iterator[Path]:
    """Return the name to write to; the file moves to ``target`` when the block ends.

    Raises:
        ValueError: If ``target`` is a folder, pipe, device or broken link, its
            parent is not a folder, or the file of another run lies beside it.
    """
    if os.path.lexists(target.parent) and not target.parent.is_dir():
        raise ValueError(f'{target.parent} is not a folder: change the name')
    if os.path.lexists(target) and not target.is_file():
        raise ValueError(
            f'{target} is a folder, pipe, device or broken link: change the name'
        )
    unfinished = target.with_name(f'.unfinished-{target.name}')
    if os.path.lexists(unfinished):
        raise ValueError(
            f'{unfinished} is left from a run that was stopped, or that still writes: '
            'remove it'
        )
    try:
        yield unfinished
        os.replace(unfinished, target)
    finally:
        if os.path.lexists(unfinished):
            unfinished.unlink()
