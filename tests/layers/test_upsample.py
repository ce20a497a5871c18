"""Bilinear upsampling against its matrix, and how the learned form starts."""

import warnings
from functools import partial

import pytest
import torch
from torch import Tensor

from mmseg_plugins.layers import BilinearUpsample, LearnedUpsample
from tests.reference.bilinear import aligned_matrix, bilinear_matrix

pytestmark = pytest.mark.one_line

ROWS, COLUMNS = 6, 7
OTHER_SIZES = [(12, 13), (11, 14), (10, 14), (13, 14), (6, 7), (24, 27)]


def make_map() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 3, ROWS, COLUMNS, dtype=torch.float64)


def interpolate(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return torch.einsum('ih,nchw,jw->ncij', rows, x, columns)


def cut(x: Tensor, scale: int, size: tuple[int, int]) -> Tensor:
    """Upsample by ``scale`` and cut to ``size``."""
    rows = bilinear_matrix(ROWS, ROWS * scale)[: size[0]]
    return interpolate(x, rows, bilinear_matrix(COLUMNS, COLUMNS * scale)[: size[1]])


def resized(x: Tensor, size: tuple[int, int], matrix=bilinear_matrix) -> Tensor:
    return interpolate(x, matrix(ROWS, size[0]), matrix(COLUMNS, size[1]))


@pytest.mark.parametrize('scale', [1, 2, 8, 32])
def test_is_exact_where_the_sizes_are_ceilings(scale):
    x, upsample = make_map(), BilinearUpsample(scale)
    for surplus in {0, scale // 2, scale - 1}:
        size = (ROWS * scale - surplus, COLUMNS * scale)
        actual = upsample(x, size)
        torch.testing.assert_close(actual, cut(x, scale, size), rtol=0, atol=1e-14)
        if surplus:  # control
            assert (actual - resized(x, size)).abs().max() > 0.01


@pytest.mark.parametrize('size', [(13, 14), (10, 14), (12, 15), (12, 12), (3, 5)])
def test_resizes_where_a_size_is_no_ceiling(size):
    """One of both lengths is above 2 times the map's, or below it by 2 or more."""
    x = make_map()
    expected = resized(x, size)
    actual = BilinearUpsample(2)(x, size)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize('size', [(12, 14), (11, 14), (13, 20)])
def test_aligned_corners_always_resize(size):
    x = make_map()
    expected = resized(x, size, aligned_matrix)
    actual = BilinearUpsample(2, align_corners=True)(x, size)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-14)
    assert (BilinearUpsample(2)(x, size) - expected).abs().max() > 0.1  # control


@pytest.mark.parametrize('scale', [2, 8])
def test_the_learned_form_starts_as_bilinear_inside_the_map(scale):
    x, learned = make_map(), LearnedUpsample(3, scale).double()
    for surplus in (0, scale - 1):
        size = (ROWS * scale - surplus, COLUMNS * scale)
        difference = (learned(x, size) - BilinearUpsample(scale)(x, size)).abs()
        assert difference[:, :, scale : size[0] - scale, scale:-scale].max() < 1e-14
        assert difference[:, :, :, 0].max() > 0.1  # beyond the border it sees zeros


def test_the_learned_form_resizes_where_a_size_is_no_ceiling():
    x, learned = make_map(), LearnedUpsample(3, 2).double()
    rows, columns = bilinear_matrix(12, 13), bilinear_matrix(14, 14)
    expected = interpolate(learned(x, (12, 14)), rows, columns)
    torch.testing.assert_close(learned(x, (13, 14)), expected, rtol=0, atol=1e-14)


class ToSizeOf(torch.nn.Module):
    def __init__(self, upsample: torch.nn.Module) -> None:
        super().__init__()
        self.upsample = upsample

    def forward(self, x: torch.Tensor, finer: torch.Tensor) -> torch.Tensor:
        return self.upsample(x, finer.shape[2:])


@pytest.mark.parametrize('example', [(12, 14), (11, 13), (6, 7), (13, 20)])
@pytest.mark.parametrize('make', [BilinearUpsample, partial(LearnedUpsample, 3)])
def test_graphs_equal_eager_whether_sizes_are_ceilings_or_not(make, example):
    """Also at other sizes than those of the example: exact, or resized."""
    net, x = ToSizeOf(make(2).double()), make_map()
    finer = {size: torch.zeros(1, 1, *size) for size in [example, *OTHER_SIZES]}
    free = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    inputs = (x, finer[example])
    program = torch.export.export(net, inputs, dynamic_shapes=(free, free))
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend='aot_eager')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        traced = torch.jit.trace(net, inputs)
    for graph in (program.module(), compiled, traced):
        for other in finer.values():
            torch.testing.assert_close(
                graph(x, other), net(x, other), rtol=0, atol=1e-12
            )
