"""Pictures of labels: colours of classes, overlays, error maps, legends, sheets.

Images are RGB, (H, W, 3), uint8. Labels are integers, (H, W), from 0 to 255.
"""

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

RIGHT, WRONG = (220, 220, 220), (214, 39, 40)
GAP = 8  # pixels between the parts of a sheet


def class_names(meta: Mapping[str, Any]) -> list[str]:
    """Return the names in a ``dataset_meta``, else '0', '1', ... for its colours.

    Without names and colours, there is a name for each of the 256 possible labels.
    """
    names = meta.get('classes')
    if names is None:
        colours = meta.get('palette')
        names = range(256 if colours is None else len(colours))
    return [str(name) for name in names]


def class_palette(meta: Mapping[str, Any]) -> np.ndarray:
    """Return a colour (256, 3) for each label from the palette of a ``dataset_meta``.

    Labels without a colour get one that differs from those of their neighbours. 255,
    the label that mmseg ignores, is black.
    """
    palette = np.zeros((256, 3), np.uint8)
    for label in range(255):
        hue = label * 0.618034 % 1  # the golden ratio spreads hues evenly
        saturation, value = (0.65, 0.9, 0.45)[label % 3], (0.95, 0.75)[label % 2]
        palette[label] = np.multiply(colorsys.hsv_to_rgb(hue, saturation, value), 255)
    colours = meta.get('palette')
    if colours is not None and len(colours):
        palette[: len(colours)] = colours
    return palette


def paint(labels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return an image with the colour of each label."""
    return palette[labels]


def overlay(
    image: np.ndarray, labels: np.ndarray, palette: np.ndarray, opacity: float = 0.5
) -> np.ndarray:
    """Lay the colours of labels over an image; ``opacity`` is from 0 to 1."""
    colours = paint(labels, palette)
    return cv2.addWeighted(image, 1 - opacity, colours, opacity, 0)


def error_map(
    labels: np.ndarray, truth: np.ndarray, ignore_index: int = 255
) -> np.ndarray:
    """Draw right labels light grey, wrong ones red, and ignored ones black."""
    errors = np.where((labels == truth)[..., None], RIGHT, WRONG).astype(np.uint8)
    errors[truth == ignore_index] = 0
    return errors


def legend(names: Sequence[str], palette: np.ndarray, width: int) -> np.ndarray:
    """Draw a colour and a name for each class; it is ``width`` pixels wide."""
    size, font = _font(width)
    gap = size // 2
    places, x, y = [], gap, gap
    for name in names:
        needed = size + gap + int(font.getlength(name))
        if x > gap and x + needed > width - gap:  # no room: begin another row
            x, y = gap, y + size + gap
        places.append((x, y))
        x += needed + 2 * gap
    canvas = Image.new('RGB', (width, y + size + gap), 'white')
    draw = ImageDraw.Draw(canvas)
    for name, colour, (x, y) in zip(names, palette, places, strict=False):
        box = (x, y, x + size - 1, y + size - 1)
        draw.rectangle(box, fill=tuple(map(int, colour)), outline='grey')
        start = (x + size + gap // 2, y + size // 2)
        draw.text(start, name, fill='black', font=font, anchor='lm')
    return np.array(canvas)


def sheet(
    rows: Sequence[Sequence[np.ndarray]],
    headings: Sequence[str],
    names: Sequence[str] = (),
    palette: np.ndarray | None = None,
) -> np.ndarray:
    """Put images of one size into a table: headings above it, a legend below it."""
    height, width = (size + GAP for size in rows[0][0].shape[:2])
    total = len(headings) * width + GAP
    size, font = _font(total)
    top = size + 2 * GAP
    picture = Image.new('RGB', (total, top + len(rows) * height), 'white')
    draw = ImageDraw.Draw(picture)
    for column, heading in enumerate(headings):
        middle = (GAP // 2 + int((column + 0.5) * width), top // 2)
        draw.text(middle, heading, fill='black', font=font, anchor='mm')
        for row, images in enumerate(rows):
            corner = (GAP + column * width, top + row * height)
            picture.paste(Image.fromarray(images[column]), corner)
    parts = [np.array(picture)]
    if palette is not None and names:
        parts.append(legend(names, palette, total))
    return np.concatenate(parts)


def _font(width: int) -> tuple[int, Any]:
    """Return a font that suits a picture of this width, and its size in pixels."""
    size = min(max(width // 60, 12), 64)
    return size, ImageFont.load_default(size)
