import pytest
import torch
from reference.fcn import enlarge

from mmseg_plugins.layers import crop, upsample


@pytest.mark.parametrize('scale', [1, 2, 8, 32])
def test_upsampling_equals_the_interpolation_matrix(scale):
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(
        upsample(x, scale), enlarge(x, scale), rtol=0, atol=1e-14
    )


def test_control_aligned_corners_differ():
    x = torch.randn(1, 1, 4, 5, dtype=torch.float64)
    aligned = torch.nn.functional.interpolate(
        x, scale_factor=2.0, mode='bilinear', align_corners=True
    )
    assert (aligned - enlarge(x, 2)).abs().max() > 0.1


def test_crop_keeps_the_top_left():
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(crop(x, (2, 3)), x[:, :, :2, :3])


def test_crop_to_a_larger_size_is_refused():
    with pytest.raises(ValueError, match='3 x 4 cells to 3 x 5'):
        crop(torch.zeros(1, 1, 3, 4), (3, 5))
