"""Grids: products with matrices against the host's pools and interpolation."""

import pytest
import torch
from torch.nn import functional

from mmseg_plugins.layers import grids
from mmseg_plugins.layers.grids import add_enlarged, grid_means

SIZES = [(64, 64), (97, 61), (13, 7), (1, 5), (20, 12)]
GRIDS = (20, 12, 1)
LAYOUTS = [torch.contiguous_format, torch.channels_last]
every_size = pytest.mark.parametrize('size', SIZES)
every_layout = pytest.mark.parametrize('layout', LAYOUTS)


def make(*size: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 3, *size, dtype=dtype)


def pooled(x: torch.Tensor) -> list[torch.Tensor]:
    return [functional.adaptive_avg_pool2d(x, size) for size in GRIDS]


def enlarged(x: torch.Tensor, maps: list, align_corners: bool) -> torch.Tensor:
    for grid in maps:
        x = x + functional.interpolate(
            grid, x.shape[2:], mode='bilinear', align_corners=align_corners
        )
    return x


@pytest.fixture
def _no_pools(monkeypatch):
    """Whoever calls a pool or enlarges a map fails."""
    monkeypatch.delattr(functional, 'adaptive_avg_pool2d')
    line = functional.interpolate

    def only_lines(x, *args, **kwargs):
        assert x.dim() == 3, 'a map is enlarged by interpolation'
        return line(x, *args, **kwargs)

    monkeypatch.setattr(functional, 'interpolate', only_lines)


@every_size
@every_layout
def test_means_are_those_of_the_adaptive_pool(size, layout):
    x = make(*size).contiguous(memory_format=layout)
    for actual, expected in zip(grid_means(x, GRIDS), pooled(x), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-14)


@every_size
@every_layout
@pytest.mark.parametrize('align_corners', [True, False])
def test_enlarged_grids_are_those_of_the_interpolation(size, layout, align_corners):
    x = make(*size).contiguous(memory_format=layout)
    maps = pooled(make(40, 40))
    expected = enlarged(x, maps, align_corners)
    actual = add_enlarged(x.clone(), maps, align_corners)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-13)
    other = enlarged(x, maps, not align_corners)
    assert (actual - other).abs().max() > 1e-2


@pytest.mark.usefixtures('_no_pools')
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_maps_with_channels_apart_take_products(dtype):
    x = make(13, 7, dtype=dtype)
    assert add_enlarged(x, grid_means(x, GRIDS), True).isfinite().all()


@pytest.mark.usefixtures('_no_pools')
@pytest.mark.parametrize(
    'x',
    [
        make(13, 7).contiguous(memory_format=torch.channels_last),
        make(13, 7, dtype=torch.bfloat16),
        make(13, 7, dtype=torch.float16),
    ],
    ids=['channels last', 'bfloat16', 'float16'],
)
def test_others_take_the_hosts_operations(x):
    with pytest.raises(AttributeError, match='adaptive_avg_pool2d'):
        grid_means(x, GRIDS)
    with pytest.raises(AssertionError, match='enlarged by interpolation'):
        add_enlarged(x, [x[..., :4, :4]], True)


def test_gradients_are_those_of_the_hosts_operations():
    x, weight = make(13, 7).requires_grad_(), make(13, 7)
    maps = [grid.square() for grid in grid_means(x, GRIDS)]
    actual = torch.autograd.grad(add_enlarged(x * 2, maps, True), x, weight)[0]
    maps = [grid.square() for grid in pooled(x)]
    expected = torch.autograd.grad(enlarged(x * 2, maps, True), x, weight)[0]
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-13)


def test_second_gradients_are_those_of_finite_differences():
    def both(x):
        return add_enlarged(x * 2, [g.square() for g in grid_means(x, (2, 3))], True)

    x = make(3, 4)[:1, :1].requires_grad_()
    assert torch.autograd.gradcheck(both, x)
    assert torch.autograd.gradgradcheck(both, x)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_traced_means_of_half_precision_have_no_bias(dtype, monkeypatch):
    """A matrix of 1 / 9, rounded to half precision, would be wrong at every cell."""
    x = torch.full((1, 2, 9 * 12, 9 * 12), 3.0, dtype=dtype)
    monkeypatch.setattr(grids, 'is_traced', lambda: True)
    (means,) = grid_means(x, (12,))
    assert torch.equal(means, torch.full_like(means, 3.0))
    ninth = torch.full((9,), 1 / 9, dtype=dtype).float()
    assert (3 * ninth).sum() != 3


def test_no_grids_change_nothing():
    x = make(13, 7)
    assert grid_means(x, ()) == []
    assert torch.equal(add_enlarged(x.clone(), [], True), x)
