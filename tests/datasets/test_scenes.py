import subprocess
import sys
import zlib
from functools import lru_cache

import cv2
import numpy as np
import pytest

from mmseg_plugins.datasets import scene_parts as parts
from mmseg_plugins.datasets.scene_parts import Canvas, Dice, Label
from mmseg_plugins.datasets.scenes import (
    CLASSES,
    IGNORE_INDEX,
    PALETTE,
    render_scene,
)

NUM_SCENES = 200

# Size, seed, CRC32 of the image, CRC32 of the labels.
STORED = [
    ((192, 256), 0, 3009467684, 74138088),
    ((192, 256), 1, 1556223009, 417534989),
    ((192, 256), 4, 3719400257, 650419023),
    ((192, 256), 1_000_000, 428367388, 3502268256),
    ((97, 131), 0, 1570152586, 797085418),
    ((97, 131), 1, 4249457201, 624084155),
    ((97, 131), 4, 955416839, 3079572931),
    ((97, 131), 1_000_000, 196007478, 2079660588),
]


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


@lru_cache(maxsize=1)
def scenes():
    return [render_scene(seed) for seed in range(NUM_SCENES)]


def scene_with(label):
    return [scene for scene in scenes() if (scene[1] == label).any()]


@pytest.mark.parametrize(('size', 'seed', 'image_crc', 'labels_crc'), STORED)
def test_scene_has_the_stored_pixels(size, seed, image_crc, labels_crc):
    image, labels = render_scene(seed, size)
    assert (crc(image), crc(labels)) == (image_crc, labels_crc)


def test_scene_is_the_same_in_another_process():
    code = (
        'import zlib; from mmseg_plugins.datasets.scenes import render_scene; '
        'print(*[zlib.crc32(array.tobytes()) for array in render_scene(5)])'
    )
    command = [sys.executable, '-W', 'ignore', '-c', code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    here = [str(crc(array)) for array in render_scene(5)]
    assert printed.splitlines()[-1].split() == here


@pytest.mark.parametrize('threads', [0, 1, 4])
def test_scene_does_not_depend_on_the_threads_of_opencv(threads):
    expected, before = crc(scenes()[5][0]), cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        assert crc(render_scene(5)[0]) == expected
    finally:
        cv2.setNumThreads(before)


def test_scene_does_not_depend_on_the_global_random_state():
    np.random.seed(3)
    assert crc(render_scene(5)[0]) == crc(scenes()[5][0])


def test_scene_leaves_the_global_random_state_alone():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    render_scene(5)
    assert np.random.rand() == expected


def test_a_caller_may_write_into_a_scene():
    image, labels = render_scene(5)
    image[:], labels[:] = 0, 0
    assert crc(render_scene(5)[0]) == crc(scenes()[5][0])


def test_other_seeds_give_other_scenes():
    assert len({crc(image) for image, _ in scenes()}) == NUM_SCENES


def test_each_class_has_one_colour_of_its_own():
    assert len(CLASSES) == len({tuple(colour) for colour in PALETTE}) == len(PALETTE)


def test_labels_are_classes_or_ignored():
    found = np.unique([labels for _, labels in scenes()])
    assert set(found.tolist()) == {*range(len(CLASSES)), IGNORE_INDEX}


@pytest.mark.parametrize('label', Label, ids=CLASSES)
def test_class_occurs_in_three_scenes_of_ten(label):
    assert len(scene_with(label)) >= 0.3 * NUM_SCENES


@pytest.mark.parametrize('label', Label, ids=CLASSES)
def test_class_has_a_share_of_the_pixels(label):
    share = np.mean([labels == label for _, labels in scenes()])
    assert share >= 0.009


def test_only_the_rim_is_ignored():
    ignored = scenes()[0][1] == IGNORE_INDEX
    assert ignored.sum() == ignored.size - ignored[1:-1, 1:-1].size
    assert not ignored[1:-1, 1:-1].any()


# Sky and ceiling: one texture, two classes.


def shares_of_neighbours(label, where):
    """Shares of the pairs of values that stand side by side in a class."""
    pairs = np.zeros(256 * 256)
    for image, labels in where:
        here = (labels == label)[:, 1:] & (labels == label)[:, :-1]
        values = image[..., 0].astype(int)
        pairs += np.bincount(
            (values[:, 1:] * 256 + values[:, :-1])[here], minlength=pairs.size
        )
    return pairs / pairs.sum()


def difference(first, second):
    """Total variation: 0 for the same shares, 1 for shares with nothing in common."""
    return np.abs(first - second).sum() / 2


def test_no_scene_has_both_sky_and_ceiling():
    assert len(scene_with(Label.SKY)) + len(scene_with(Label.CEILING)) == NUM_SCENES


def colours(label):
    return {
        colour
        for image, labels in scene_with(label)
        for colour in np.unique(image[labels == label] @ (1, 256, 65536)).tolist()
    }


def test_sky_and_ceiling_have_exactly_the_same_colours():
    assert colours(Label.SKY) == colours(Label.CEILING)


def test_sky_and_ceiling_have_the_same_texture():
    sky = shares_of_neighbours(Label.SKY, scene_with(Label.SKY))
    ceiling = shares_of_neighbours(Label.CEILING, scene_with(Label.CEILING))
    assert difference(sky, ceiling) < 0.15


@pytest.mark.parametrize('label', [Label.ROAD, Label.BUILDING])
def test_the_rest_of_the_scene_tells_sky_from_ceiling(label):
    outdoors = shares_of_neighbours(label, scene_with(Label.SKY))
    covered = shares_of_neighbours(label, scene_with(Label.CEILING))
    assert difference(outdoors, covered) > 0.6


# Thin and small things.


def runs(labels, label):
    """Lengths of the stretches of a class along the rows."""
    inside = np.pad((labels == label).astype(np.int8), ((0, 0), (1, 1)))
    edges = np.diff(inside, axis=1)
    return np.argwhere(edges == -1)[:, 1] - np.argwhere(edges == 1)[:, 1]


def test_poles_are_three_or_four_pixels_wide():
    widths = np.concatenate([runs(labels, Label.POLE) for _, labels in scenes()])
    assert np.isin(widths, (3, 4)).mean() > 0.8


def test_buildings_are_not_thin():
    widths = np.concatenate([runs(labels, Label.BUILDING) for _, labels in scenes()])
    assert np.isin(widths, (3, 4)).mean() < 0.2


@pytest.mark.parametrize(
    ('draw', 'label', 'near', 'height', 'width'),
    [
        (parts.draw_person, Label.PERSON, 26, (15, 21), (5, 10)),
        (parts.draw_person, Label.PERSON, 75, (43, 60), (15, 26)),
        (parts.draw_sign, Label.SIGN, 28, (10, 16), (10, 16)),
        (parts.draw_sign, Label.SIGN, 64, (25, 33), (25, 34)),
        (parts.draw_car_from_behind, Label.CAR, 22, (12, 15), (14, 18)),
        (parts.draw_car_from_aside, Label.CAR, 50, (28, 31), (80, 84)),
    ],
)
def test_thing_has_the_stated_height_and_width(draw, label, near, height, width):
    for seed in range(20):
        canvas = Canvas((192, 256), vanish_x=128, horizon=80)
        draw(canvas, Dice(seed), 0, near)
        rows, columns = np.nonzero(canvas.labels == label)
        assert height[0] <= np.ptp(rows) + 1 <= height[1]
        assert width[0] <= np.ptp(columns) + 1 <= width[1]


# Sizes and errors.


@pytest.mark.parametrize('size', [(32, 32), (33, 47), (193, 257), (40, 700), (700, 40)])
def test_any_size_from_32_up_works(size):
    image, labels = render_scene(3, size)
    assert (image.shape, labels.shape) == ((*size, 3), size)
    assert image.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels).tolist()) <= {*range(len(CLASSES)), IGNORE_INDEX}


def test_another_size_shows_the_same_street():
    small, large = render_scene(3)[1], render_scene(3, (384, 512))[1]
    assert (small == large[::2, ::2]).mean() > 0.9


def test_another_seed_does_not_show_the_same_street():
    first, other = scenes()[3][1], scenes()[4][1]
    assert (first == other).mean() < 0.9


def test_numpy_integers_are_whole_numbers():
    image, _ = render_scene(np.int64(5), (np.int64(192), np.int64(256)))
    assert crc(image) == crc(scenes()[5][0])


@pytest.mark.parametrize('seed', [-1, 1.0, '1', None])
def test_seed_must_be_a_whole_number_from_0_up(seed):
    with pytest.raises(ValueError, match=f'seed is {seed!r}: give a whole number'):
        render_scene(seed)


@pytest.mark.parametrize(
    'size', [(31, 64), (64, 31), (64.0, 64), (64,), (64, 64, 3), 64, None]
)
def test_size_must_be_two_whole_numbers_from_32_up(size):
    with pytest.raises(ValueError, match='whole numbers from 32 up'):
        render_scene(0, size)
