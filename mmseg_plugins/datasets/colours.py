"""Tables of class colours, and masks that are painted in them."""

import io
import os
import re
from collections.abc import Sequence

import numpy as np
from mmengine import fileio
from PIL import Image

IGNORE = 'ignore'  # the name of colours whose pixels are not trained


def load_colours(
    path: str, colours: Sequence[Sequence[int]], backend_args: dict | None
) -> np.ndarray:
    """Return the labels (H, W) uint8 of a mask of colours.

    Args:
        path: The file of the mask.
        colours: Rows of R, G, B and the label.
        backend_args: As in mmseg's ``BaseSegDataset``.

    Raises:
        ValueError: If the mask has a colour that is not in ``colours``.
    """
    data = fileio.get(path, backend_args=backend_args)
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert('RGB'), np.int32)
    table = np.array(
        sorted((r << 16 | g << 8 | b, label) for r, g, b, label in colours)
    )
    codes = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    rows = np.searchsorted(table[:, 0], codes).clip(max=len(table) - 1)
    unknown = pixels[table[rows, 0] != codes]
    if unknown.size:
        raise ValueError(
            f'{path} has the colour {unknown[0].tolist()}, which is not in colours: '
            f'add it as a class or as {IGNORE!r}, or correct the mask'
        )
    return table[rows, 1].astype(np.uint8)


def read_lines(option: str, path: str, backend_args: dict | None) -> list[str]:
    """Return the lines of a text file that an argument of FolderDataset names."""
    if not fileio.isfile(path, backend_args):
        raise FileNotFoundError(
            f'{option}={path} is not a file (working folder: {os.getcwd()}): correct '
            'the path, which is relative to data_root'
        )
    try:  # Windows may write a mark of UTF-8 first
        return fileio.get_text(path, 'utf-8-sig', backend_args).splitlines()
    except UnicodeDecodeError:
        raise ValueError(f'{option}={path} is not in UTF-8: save it as UTF-8') from None


def read_class_file(path: str, backend_args: dict | None) -> tuple[list, dict]:
    """Return the class names and, if the file has them, the colours by name."""
    names: list[str] = []
    colours: dict[str, list[int]] = {}
    for line in read_lines('class_file', path, backend_args):
        name, *rgb = re.split(r'[\s,]+(\d+)[\s,]+(\d+)[\s,]+(\d+)$', line.strip())[:4]
        if name and name in names:
            raise ValueError(f'{path} has {name!r} twice: give each class one line')
        names += [name] if name else []
        if rgb:
            colours[name] = [int(value) for value in rgb]
    if colours and set(colours) != set(names):
        first = next(name for name in names if name not in colours)
        raise ValueError(
            f'{path} has no colour for {first!r}: add R, G and B, or remove all colours'
        )
    names = [name for name in names if name != IGNORE]
    if not names:
        raise ValueError(f'{path} is empty: write one class on each line')
    return names, colours


def check_colours(colours: dict, classes: Sequence[str]) -> None:
    """Raise ValueError if each class does not have one colour of its own."""
    different = sorted((set(colours) - {IGNORE}) ^ set(classes))
    if different:
        raise ValueError(
            f'colours and classes differ in {", ".join(map(repr, different))}: give a '
            f'colour for each class, and {IGNORE!r} for pixels that have none'
        )
    for name, rgb in colours.items():
        if len(rgb) != 3 or not all(0 <= value <= 255 for value in rgb):
            raise ValueError(f'colours[{name!r}]={rgb}: must be R, G, B from 0 to 255')
        same = [key for key in colours if list(colours[key]) == list(rgb)]
        if len(same) > 1:
            raise ValueError(f'colours: {same} have the same colour {list(rgb)}')
