"""Strips: two operations and their gradients, against what autograd makes of them."""

import pytest
import torch

from mmseg_plugins.layers.strips import spread_strips, strip_means

LAYOUTS = [torch.contiguous_format, torch.channels_last]
SIZES = [(3, 5), (1, 4), (4, 1), (7, 7)]
every_layout = pytest.mark.parametrize('layout', LAYOUTS)
every_size = pytest.mark.parametrize('size', SIZES)


def make_map(*size: int, layout: torch.memory_format) -> torch.Tensor:
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    return x.contiguous(memory_format=layout).requires_grad_()


def make_strips(*size: int, layout: torch.memory_format) -> list[torch.Tensor]:
    height, width = size
    return [make_map(*s, layout=layout) for s in ((height, 1), (1, width))]


@every_layout
@every_size
def test_means_are_of_rows_and_of_columns(size, layout):
    x = make_map(*size, layout=layout)
    rows, columns = strip_means(x)
    torch.testing.assert_close(rows, x.sum(3, True) / size[1], rtol=0, atol=1e-15)
    torch.testing.assert_close(columns, x.sum(2, True) / size[0], rtol=0, atol=1e-15)


@every_layout
@every_size
def test_spreading_adds_a_row_and_a_column_at_each_cell(size, layout):
    strips = make_strips(*size, layout=layout)
    expected = sum(strip.expand(2, 3, *size) for strip in strips)
    assert torch.equal(spread_strips(*strips), expected)


@every_layout
@every_size
def test_first_and_second_gradients_are_those_of_finite_differences(size, layout):
    x, strips = make_map(*size, layout=layout), make_strips(*size, layout=layout)
    for function, inputs in ((strip_means, x), (spread_strips, strips)):
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


@every_size
def test_spreading_is_the_adjoint_of_the_means_times_their_lengths(size):
    """<means(x), (r, c)> = <x, spread(r / W, c / H)>, not (r / H, c / W)."""
    x = make_map(*size, layout=LAYOUTS[0])
    rows, columns = make_strips(*size, layout=LAYOUTS[0])
    height, width = size
    means = strip_means(x)
    left = (means[0] * rows).sum() + (means[1] * columns).sum()
    right = (x * spread_strips(rows / width, columns / height)).sum()
    swapped = (x * spread_strips(rows / height, columns / width)).sum()
    torch.testing.assert_close(left, right, rtol=0, atol=1e-13)
    assert height == width or (left - swapped).abs() > 1e-3


@every_layout
def test_a_gradient_lies_in_memory_as_its_map(layout):
    x = make_map(6, 5, layout=layout)
    rows, columns = strip_means(x)
    (gradient,) = torch.autograd.grad(rows.sum() + columns.square().sum(), x)
    assert gradient.is_contiguous(memory_format=layout)


@every_layout
@pytest.mark.parametrize('scale', [1.0, 1e-6])
def test_gradients_in_float16_are_those_of_sums(layout, scale):
    """A mean of small numbers would vanish in float16, where their sum does not."""
    torch.manual_seed(0)
    gradient = (
        (scale * torch.rand(2, 3, 128, 128)).half().contiguous(memory_format=layout)
    )
    strips = [
        strip.detach().half().requires_grad_()
        for strip in make_strips(128, 128, layout=layout)
    ]
    found = torch.autograd.grad(spread_strips(*strips), strips, gradient)
    for actual, axis in zip(found, (3, 2), strict=True):
        expected = gradient.float().sum(axis, keepdim=True)
        torch.testing.assert_close(actual.float(), expected, rtol=1e-3, atol=1e-7)


@every_layout
def test_both_map_over_a_further_axis(layout):
    x = torch.randn(4, 2, 3, 5, 7)
    found = torch.vmap(lambda y: spread_strips(*strip_means(y)))(x)
    expected = [
        spread_strips(*strip_means(y.contiguous(memory_format=layout))) for y in x
    ]
    torch.testing.assert_close(found, torch.stack(expected))
