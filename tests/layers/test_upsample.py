import pytest
import torch
from reference.fcn import deconvolve, enlarge

from mmseg_plugins.layers import (
    BilinearDeconv,
    Interpolation,
    bilinear_kernel,
    crop,
    crop_offsets,
)


@pytest.mark.parametrize('scale', [2, 8, 32])
def test_interpolation_equals_the_interpolation_matrix(scale):
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    actual = Interpolation(scale)(x)
    torch.testing.assert_close(actual, enlarge(x, scale), rtol=0, atol=1e-14)


def test_control_aligned_corners_differ():
    x = torch.randn(1, 1, 4, 5, dtype=torch.float64)
    aligned = torch.nn.functional.interpolate(
        x, scale_factor=2.0, mode='bilinear', align_corners=True
    )
    assert (aligned - enlarge(x, 2)).abs().max() > 0.1


@pytest.mark.parametrize('kernel_size', [4, 8, 15, 16, 63, 64])
def test_every_phase_of_the_kernel_sums_to_one(kernel_size):
    scale = (kernel_size + 1) // 2
    kernel = bilinear_kernel(kernel_size).double()
    for row in range(scale):
        for column in range(scale):
            total = kernel[row::scale, column::scale].sum().item()
            assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize('learned', [False, True])
@pytest.mark.parametrize('scale', [2, 8])
def test_deconv_equals_interpolation_inside(scale, learned):
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    deconv = BilinearDeconv(
        3, scale, kernel_size=2 * scale, padding=scale // 2, learned=learned
    ).double()
    inside = (..., slice(scale, -scale), slice(scale, -scale))
    expected = Interpolation(scale)(x)
    assert deconv(x).shape == expected.shape
    torch.testing.assert_close(deconv(x)[inside], expected[inside], rtol=0, atol=1e-14)


def test_learned_deconv_equals_the_plain_restatement():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    deconv = BilinearDeconv(3, 2, kernel_size=4, padding=0, learned=True).double()
    torch.nn.init.normal_(deconv.weight)
    expected = deconvolve(x, deconv.weight, 2)
    torch.testing.assert_close(deconv(x), expected, rtol=0, atol=1e-13)


def test_only_a_learned_deconv_has_weights():
    kinds = dict(kernel_size=4, padding=0)
    assert not BilinearDeconv(3, 2, learned=False, **kinds).state_dict()
    learned = BilinearDeconv(3, 2, learned=True, **kinds)
    assert learned.state_dict()['weight'].shape == (3, 3, 4, 4)


@pytest.mark.parametrize(
    ('strides', 'centre', 'expected'),
    [
        ([32], 12.5, {1: 19}),
        ([16, 32], 12.5, {16: 5, 1: 27}),
        ([8, 16, 32], 12.5, {16: 5, 8: 9, 1: 31}),
        ([32], 13, {1: 18}),  # FCN-AlexNet
    ],
)
def test_crop_offsets_are_the_published_ones(strides, centre, expected):
    assert crop_offsets(strides, centre) == expected


def test_a_centre_between_cells_is_refused():
    with pytest.raises(ValueError, match=r'centre puts cells 0\.25 off'):
        crop_offsets([32], 12.25)


def test_crop_begins_at_the_offset():
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(crop(x, (2, 3)), x[:, :, :2, :3])
    assert torch.equal(crop(x, (2, 2), 1), x[:, :, 1:3, 1:3])


@pytest.mark.parametrize(('size', 'offset'), [((3, 5), 0), ((3, 3), 1)])
def test_crop_beyond_the_map_is_refused(size, offset):
    with pytest.raises(ValueError, match='cannot cut a map of 3 x 4 cells'):
        crop(torch.zeros(1, 1, 3, 4), size, offset)
