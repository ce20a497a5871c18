"""GaussianBlur against the kernel written out."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS

from mmseg_plugins.datasets import GaussianBlur


def test_a_dot_becomes_the_kernel():
    image = np.zeros((9, 11, 3), np.float32)
    image[4, 5, 1] = 1
    blurred = GaussianBlur()(dict(img=image))['img']
    expected = np.zeros((9, 11, 3))
    line = np.array([1, 4, 6, 4, 1]) / 16
    expected[2:7, 3:8, 1] = np.outer(line, line)
    np.testing.assert_allclose(blurred, expected, atol=1e-6)
    smaller = GaussianBlur(kernel_size=3)(dict(img=image))['img']
    assert abs(smaller - expected).max() > 0.05  # control


def test_random_apply_blurs_some_images_and_no_labels():
    init_default_scope('mmseg')
    step = dict(type='mmseg_plugins.GaussianBlur')
    transform = TRANSFORMS.build(dict(type='RandomApply', transforms=[step], prob=0.5))
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    labels = image[..., 0] % 5
    np.random.seed(0)
    num_changed = 0
    for _ in range(100):
        results = transform(dict(img=image.copy(), gt_seg_map=labels))
        assert results['img'].dtype == np.uint8
        assert results['gt_seg_map'] is labels
        num_changed += bool((results['img'] != image).any())
    assert 30 < num_changed < 70


@pytest.mark.parametrize('kernel_size', [0, 4, -1])
def test_wrong_kernel_sizes_are_refused(kernel_size):
    with pytest.raises(ValueError, match=f'kernel_size={kernel_size}: must be odd'):
        GaussianBlur(kernel_size=kernel_size)
