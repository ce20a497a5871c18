"""GaussianBlur against the kernel written out."""

import numpy as np
import pytest

from mmseg_plugins.datasets import GaussianBlur


def test_a_dot_becomes_the_kernel():
    image = np.zeros((9, 11, 3), np.float32)
    image[4, 5, 1] = 1
    labels = np.eye(9, 11, dtype=np.uint8)
    results = GaussianBlur()(dict(img=image, gt_seg_map=labels))
    expected = np.zeros((9, 11, 3))
    line = np.array([1, 4, 6, 4, 1]) / 16
    expected[2:7, 3:8, 1] = np.outer(line, line)
    np.testing.assert_allclose(results['img'], expected, atol=1e-6)
    np.testing.assert_array_equal(results['gt_seg_map'], np.eye(9, 11))
    smaller = GaussianBlur(kernel_size=3)(dict(img=image))['img']
    assert abs(smaller - expected).max() > 0.05  # control


@pytest.mark.parametrize('kernel_size', [4, -1])
def test_wrong_kernel_sizes_are_refused(kernel_size):
    with pytest.raises(ValueError, match=f'kernel_size={kernel_size}: must be odd'):
        GaussianBlur(kernel_size=kernel_size)
