"""GaussianBlur against the kernel written out."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS

from mmseg_plugins.datasets import GaussianBlur


def blurred(image: np.ndarray, **arguments) -> np.ndarray:
    return GaussianBlur(**arguments)(dict(img=image))['img']


def test_a_dot_becomes_the_kernel():
    image = np.zeros((9, 11, 3), np.float32)
    image[4, 5, 1] = 1
    found = blurred(image)
    line = np.array([1, 4, 6, 4, 1]) / 16
    np.testing.assert_allclose(found[2:7, 3:8, 1], np.outer(line, line), atol=1e-6)
    assert found[..., [0, 2]].max() == 0
    assert abs(found.sum() - 1) < 1e-6  # nothing outside the 5 x 5
    assert abs(blurred(image, kernel_size=3) - found).max() > 0.05  # control


def test_sometimes_and_without_the_labels():
    init_default_scope('mmseg')
    step = dict(type='mmseg_plugins.GaussianBlur')
    sometimes = TRANSFORMS.build(dict(type='RandomApply', transforms=[step], prob=0.5))
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    labels = random.integers(0, 5, (16, 16), dtype=np.uint8)
    np.random.seed(0)
    changed = 0
    for _ in range(100):
        found = sometimes(dict(img=image.copy(), gt_seg_map=labels))
        assert found['img'].dtype == np.uint8
        assert found['gt_seg_map'] is labels
        changed += bool((found['img'] != image).any())
    assert 30 < changed < 70


@pytest.mark.parametrize('kernel_size', [0, 4, -1])
def test_other_sizes_are_refused(kernel_size):
    with pytest.raises(ValueError, match=f'kernel_size={kernel_size} must be'):
        GaussianBlur(kernel_size=kernel_size)
