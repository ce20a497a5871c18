import zlib

import cv2
import numpy as np
import pytest

from mmseg_plugins.datasets import scene_parts as parts
from mmseg_plugins.datasets.scene_parts import Canvas, Dice, Label
from mmseg_plugins.datasets.scenes import CLASSES, IGNORE_INDEX, PALETTE, render_scene

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
every_class = pytest.mark.parametrize('label', Label, ids=CLASSES)


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


@pytest.fixture(scope='module')
def scenes():
    return [render_scene(seed) for seed in range(NUM_SCENES)]


def scenes_with(label, scenes):
    return [scene for scene in scenes if (scene[1] == label).any()]


@pytest.mark.parametrize(('size', 'seed', 'image_crc', 'labels_crc'), STORED)
def test_scene_has_the_stored_pixels(size, seed, image_crc, labels_crc):
    image, labels = render_scene(seed, size)
    assert (crc(image), crc(labels)) == (image_crc, labels_crc)


@pytest.mark.parametrize('threads', [0, 1, 4])
def test_scene_depends_on_seed_and_size_only(threads, scenes):
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    try:
        image, labels = render_scene(np.int64(5), (np.int64(192), np.int64(256)))
    finally:
        cv2.setNumThreads(before)
    assert (crc(image), crc(labels)) == (crc(scenes[5][0]), crc(scenes[5][1]))
    assert np.random.rand() == expected  # the global state is not used
    image[:], labels[:] = 0, 0  # the next scene must not share their memory
    assert crc(render_scene(5)[0]) == crc(scenes[5][0])


def test_other_seeds_give_other_scenes(scenes):
    assert len({crc(image) for image, _ in scenes}) == NUM_SCENES


def test_labels_are_classes_or_ignored(scenes):
    values = np.unique([labels for _, labels in scenes])
    assert set(values.tolist()) == {*range(len(CLASSES)), IGNORE_INDEX}
    assert len({tuple(colour) for colour in PALETTE}) == len(PALETTE) == len(CLASSES)
    ignored = scenes[0][1] == IGNORE_INDEX
    assert ignored.sum() == ignored.size - ignored[1:-1, 1:-1].size
    assert not ignored[1:-1, 1:-1].any()  # only the border is ignored


@every_class
def test_class_is_common(label, scenes):
    assert len(scenes_with(label, scenes)) >= 0.3 * NUM_SCENES
    assert np.mean([labels == label for _, labels in scenes]) >= 0.009


# Sky and ceiling: one texture, two classes.


def pair_shares(label, scenes):
    """Return how often each pair of values stands side by side in a class."""
    counts = np.zeros(256 * 256)
    for image, labels in scenes:
        inside = (labels == label)[:, 1:] & (labels == label)[:, :-1]
        values = image[..., 0].astype(int)
        pairs = (values[:, 1:] * 256 + values[:, :-1])[inside]
        counts += np.bincount(pairs, minlength=counts.size)
    return counts / counts.sum()


def total_variation(first, second):
    """Return 0 for the same shares, and 1 for shares with nothing in common."""
    return np.abs(first - second).sum() / 2


def colours(label, scenes):
    return {
        colour
        for image, labels in scenes
        for colour in np.unique(image[labels == label] @ (1, 256, 65536)).tolist()
    }


def test_only_the_rest_of_the_scene_tells_sky_from_ceiling(scenes):
    outdoors = scenes_with(Label.SKY, scenes)
    covered = scenes_with(Label.CEILING, scenes)
    assert len(outdoors) + len(covered) == NUM_SCENES
    assert colours(Label.SKY, outdoors) == colours(Label.CEILING, covered)
    sky, ceiling = pair_shares(Label.SKY, outdoors), pair_shares(Label.CEILING, covered)
    assert total_variation(sky, ceiling) < 0.15
    for label in (Label.ROAD, Label.BUILDING):
        shares = pair_shares(label, outdoors), pair_shares(label, covered)
        assert total_variation(*shares) > 0.6


# Thin and small objects.


def run_lengths(label, scenes):
    """Return the lengths of the stretches of a class along all rows."""
    inside = [np.pad(labels == label, ((0, 0), (1, 1))) for _, labels in scenes]
    edges = np.diff(np.concatenate(inside).astype(np.int8), axis=1)
    return np.argwhere(edges == -1)[:, 1] - np.argwhere(edges == 1)[:, 1]


def test_poles_are_three_or_four_pixels_wide_and_buildings_are_not(scenes):
    assert np.isin(run_lengths(Label.POLE, scenes), (3, 4)).mean() > 0.8
    assert np.isin(run_lengths(Label.BUILDING, scenes), (3, 4)).mean() < 0.2


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
def test_object_has_the_stated_height_and_width(draw, label, near, height, width):
    for seed in range(20):
        canvas = Canvas((192, 256), vanish_x=128, horizon=80)
        draw(canvas, Dice(seed), 0, near)
        rows, columns = np.nonzero(canvas.pixels[..., 3] == label)
        assert height[0] <= np.ptp(rows) + 1 <= height[1]
        assert width[0] <= np.ptp(columns) + 1 <= width[1]


# Sizes and errors.


@pytest.mark.parametrize('size', [(32, 32), (33, 47), (193, 257), (40, 700), (700, 40)])
def test_any_size_from_32_up_works(size):
    image, labels = render_scene(3, size)
    assert (image.shape, labels.shape) == ((*size, 3), size)
    assert image.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels).tolist()) <= {*range(len(CLASSES)), IGNORE_INDEX}


def test_another_size_shows_the_same_street_and_another_seed_does_not(scenes):
    large = render_scene(3, (384, 512))[1]
    assert (scenes[3][1] == large[::2, ::2]).mean() > 0.9
    assert (scenes[3][1] == scenes[4][1]).mean() < 0.9


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        *(((seed,), f'seed={seed!r}: must be an integer') for seed in (-1, 1.0, '1')),
        ((None,), 'seed=None: must be an integer'),
        *(
            ((0, size), r'size=.*: must be two integers \(H, W\)')
            for size in ((31, 64), (64, 31), (64.0, 64), (64,), (64, 64, 3), 64, None)
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_scene(*arguments)
