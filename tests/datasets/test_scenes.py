import zlib

import cv2
import numpy as np
import pytest

from mmseg_plugins.datasets.scene_parts import IGNORE_INDEX, Label
from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, render_scene

pytestmark = pytest.mark.one_line

# Size, seed, CRC32 of the image, CRC32 of the labels.
STORED = [
    ((192, 256), 0, 3009467684, 74138088),
    ((192, 256), 4, 3719400257, 650419023),
    ((192, 256), 1_000_000, 428367388, 3502268256),
    ((97, 131), 0, 1570152586, 797085418),
    ((97, 131), 4, 955416839, 3079572931),
    ((97, 131), 1_000_000, 196007478, 2079660588),
]


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


@pytest.fixture(scope='module')
def scenes():
    return [render_scene(seed) for seed in range(200)]


@pytest.mark.parametrize(('size', 'seed', 'image_crc', 'labels_crc'), STORED)
def test_scene_has_the_stored_pixels(size, seed, image_crc, labels_crc):
    image, labels = render_scene(seed, size)
    assert (crc(image), crc(labels)) == (image_crc, labels_crc)


@pytest.mark.parametrize('threads', [0, 4])
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


def test_labels_are_classes_or_ignored(scenes):
    values = np.unique([labels for _, labels in scenes])
    assert set(values.tolist()) == {*range(len(CLASSES)), IGNORE_INDEX}
    assert len({tuple(colour) for colour in PALETTE}) == len(PALETTE) == len(CLASSES)
    ignored = scenes[0][1] == IGNORE_INDEX
    assert ignored.sum() == ignored.size - ignored[1:-1, 1:-1].size
    assert not ignored[1:-1, 1:-1].any()  # only the border is ignored


def test_every_class_is_common(scenes):
    for label in Label:
        shares = np.array([(labels == label).mean() for _, labels in scenes])
        assert (shares > 0).mean() >= 0.3, label
        assert shares.mean() >= 0.009, label


def pair_shares(label, scenes):
    """Return how often each pair of values stands side by side in a class."""
    counts = np.zeros(256 * 256)
    for image, labels in scenes:
        inside = (labels == label)[:, 1:] & (labels == label)[:, :-1]
        values = image[..., 0].astype(int)
        pairs = (values[:, 1:] * 256 + values[:, :-1])[inside]
        counts += np.bincount(pairs, minlength=counts.size)
    return counts / counts.sum()


def colours(label, scenes):
    pixels = [image[labels == label] for image, labels in scenes]
    return np.unique(np.concatenate(pixels) @ (1, 256, 65536)).tolist()


def test_only_the_rest_of_the_scene_tells_sky_from_ceiling(scenes):
    outdoors = [scene for scene in scenes if (scene[1] == Label.SKY).any()]
    covered = [scene for scene in scenes if (scene[1] == Label.CEILING).any()]
    assert len(outdoors) + len(covered) == len(scenes)
    assert colours(Label.SKY, outdoors) == colours(Label.CEILING, covered)

    def total_variation(label_outdoors, label_covered):
        """Return 0 for the same pairs of values, 1 if no pair is shared."""
        first = pair_shares(label_outdoors, outdoors)
        return np.abs(first - pair_shares(label_covered, covered)).sum() / 2

    assert total_variation(Label.SKY, Label.CEILING) < 0.15
    assert total_variation(Label.ROAD, Label.ROAD) > 0.6  # control


@pytest.mark.parametrize('size', [(32, 32), (40, 700), (701, 41)])
def test_any_size_from_32_up_works(size):
    image, labels = render_scene(3, size)
    assert (image.shape, labels.shape) == ((*size, 3), size)
    assert image.dtype == labels.dtype == np.uint8


def test_another_size_shows_the_same_street_and_another_seed_does_not(scenes):
    large = render_scene(3, (384, 512))[1]
    assert (scenes[3][1] == large[::2, ::2]).mean() > 0.9
    assert (scenes[3][1] == scenes[4][1]).mean() < 0.9


@pytest.mark.parametrize('seed', [-1, 1.0])
def test_wrong_seeds_are_refused(seed):
    with pytest.raises(ValueError, match=f'seed={seed}: must be an integer'):
        render_scene(seed)


@pytest.mark.parametrize('size', [(31, 64), (64.0, 64), (64, 64, 3), 64])
def test_wrong_sizes_are_refused(size):
    with pytest.raises(ValueError, match=r'size=.*: must be two integers \(H, W\)'):
        render_scene(0, size)
