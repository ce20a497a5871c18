"""Pictures of labels, pixel by pixel."""

import numpy as np
import pytest

from mmseg_plugins.drawing import (
    class_names,
    class_palette,
    error_map,
    legend,
    overlay,
    paint,
    sheet,
)

pytestmark = pytest.mark.one_line

META = dict(classes=('sky', 'road'), palette=[[0, 0, 255], [128, 64, 128]])
LABELS = np.array([[0, 1], [255, 1]])


@pytest.mark.parametrize(
    ('meta', 'names'),
    [
        (META, ['sky', 'road']),
        (dict(palette=[[1, 2, 3]] * 3), ['0', '1', '2']),
        (dict(palette=np.zeros((2, 3))), ['0', '1']),
        (dict(classes=None), [str(label) for label in range(256)]),
    ],
)
def test_class_names(meta, names):
    assert class_names(meta) == names


@pytest.mark.parametrize('meta', [{}, dict(palette=None), META])
def test_every_label_has_a_colour_of_its_own(meta):
    palette = class_palette(meta)
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert len({*map(tuple, palette)}) == 256
    assert palette[255].tolist() == [0, 0, 0]
    given = meta.get('palette') or []
    assert palette[: len(given)].tolist() == given


def test_paint_and_overlay():
    palette = class_palette(META)
    image = np.full((2, 2, 3), 100, np.uint8)
    colours = [[[0, 0, 255], [128, 64, 128]], [[0, 0, 0], [128, 64, 128]]]
    assert paint(LABELS, palette).tolist() == colours
    mixed = overlay(image, LABELS, palette, opacity=0.25)
    assert np.abs(mixed - (75 + 0.25 * np.array(colours))).max() <= 0.5


def test_error_map():
    drawn = error_map(np.array([[0, 0], [0, 1]]), LABELS)
    right, wrong, ignored, also_right = drawn.reshape(4, 3)
    assert right.tolist() == also_right.tolist() == [220] * 3
    assert wrong[0] > 200
    assert max(wrong[1:]) < 50
    assert ignored.tolist() == [0, 0, 0]


def test_legend_has_its_width_and_breaks_into_rows():
    palette = class_palette({})
    names = [f'class {label}' for label in range(20)]
    narrow, wide = legend(names, palette, 200), legend(names, palette, 4000)
    assert (narrow.shape[1], wide.shape[1]) == (200, 4000)
    assert len(narrow) > 2 * len(legend(names[:1], palette, 200))
    for colour in palette[:20]:
        assert (narrow == colour).all(2).any()


def test_sheet_places_images_below_their_headings():
    red, blue = np.zeros((2, 30, 40, 3), np.uint8)
    red[..., 0] = blue[..., 2] = 255
    plain = sheet([[red, blue], [blue, red]], ['image', 'truth'])
    for colour in ([255, 0, 0], [0, 0, 255]):
        assert (plain == colour).all(2).sum() == 2 * 30 * 40
    rows, columns = np.nonzero((plain == [255, 0, 0]).all(2))
    assert rows.min() > 10  # the headings
    first, second = columns[rows == rows.min()], columns[rows == rows.max()]
    assert first.max() < second.min()
    with_legend = sheet([[red, blue]], ['a', 'b'], ['sky'], class_palette(META))
    assert (with_legend == [0, 0, 255]).all(2).sum() > 30 * 40
