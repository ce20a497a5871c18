"""Encoding against the equation of the paper and against mmseg's layer."""

import pytest
import torch
from mmseg.models.utils import Encoding as StockEncoding
from torch.autograd.graph import saved_tensors_hooks

from mmseg_plugins.layers import Encoding
from tests.decode_heads.comparison import relative_difference, relative_differences
from tests.reference.encnet import encode

pytestmark = pytest.mark.one_line

B, D, K, SIZE = 2, 24, 6, (7, 9)
N = SIZE[0] * SIZE[1]


def make_layer(cls: type = Encoding) -> torch.nn.Module:
    """Build in float64, with assignment weights that are not all near 0 or 1."""
    torch.manual_seed(0)
    layer = cls(D, K)
    with torch.no_grad():
        layer.codewords.normal_()
        layer.scale.div_(D / 4)
    return layer.double()


def make_input(*shape: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(*(shape or (B, D, *SIZE)), dtype=torch.float64)


@pytest.mark.parametrize('shape', [(B, D, *SIZE), (B, D, N), (1, D, 1, 1), (3, D, 1)])
def test_equals_the_equation_of_the_paper(shape):
    layer, x = make_layer(), make_input(*shape)
    expected = encode(x.flatten(2), layer.codewords, -layer.scale)
    assert relative_difference(layer(x), expected) < 1e-12
    if shape[2:] != (1, 1):  # control
        expected = encode(x.flatten(2), layer.codewords, layer.scale)
        assert relative_difference(layer(x), expected) > 0.1


@pytest.mark.parametrize('source', ['x', 'codewords', 'scale'])
def test_values_and_gradients_equal_those_of_stock(source):
    ours, stock = make_layer(), make_layer(StockEncoding)
    x = make_input().requires_grad_()
    sources = [x if source == 'x' else getattr(net, source) for net in (ours, stock)]
    pairs = [[tensor] for tensor in sources]
    values, gradients = relative_differences(ours(x), stock(x), *pairs)
    assert values < 1e-12
    assert gradients < 1e-10
    stock.scale.data.mul_(1.01)  # control
    assert min(relative_differences(ours(x), stock(x), *pairs)) > 1e-4


@pytest.mark.parametrize('cls', [Encoding, StockEncoding])
def test_keeps_no_tensor_of_all_residuals_for_the_backward_pass(cls):
    sizes = []
    with saved_tensors_hooks(lambda t: sizes.append(t.numel()), lambda t: t):
        make_layer(cls)(make_input().requires_grad_())
    # mmseg's layer is the control.
    assert (max(sizes) <= B * N * max(D, K)) == (cls is Encoding)


def test_assignment_weights_sum_to_one_and_give_the_result():
    layer, x = make_layer(), make_input()
    weights = layer.assignment(x)
    torch.testing.assert_close(weights.sum(1), torch.ones(B, *SIZE).double())
    flat = weights.flatten(2)
    result = flat @ x.flatten(2).mT - flat.sum(2, keepdim=True) * layer.codewords
    torch.testing.assert_close(result, layer(x))


@pytest.mark.parametrize('shape', [(D, N), (B, D + 1, N), (B, D, 1, 2, 3)])
def test_an_input_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r'x has shape \('):
        make_layer()(make_input(*shape))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('autocast', [True, False])
def test_half_precision_gives_float32_beyond_the_range_of_float16(dtype, autocast):
    torch.manual_seed(0)
    layer = Encoding(512, 32)
    x = (20.0 * (torch.rand(B, 512, 64, 64) < 0.9)).to(dtype)
    exact = layer(x.float())
    if not autocast:
        layer = layer.to(dtype)
    with torch.autocast('cpu', dtype, enabled=autocast):
        result = layer(x.requires_grad_())
        result.sum().backward()
    assert exact.abs().max() > torch.finfo(torch.float16).max
    assert result.dtype == torch.float32
    assert x.grad.isfinite().all()
    assert relative_difference(result, exact) < (1e-6 if autocast else 0.01)


def test_works_on_a_device_without_autocast():
    with pytest.raises(RuntimeError):
        torch.autocast('meta')
    layer, x = make_layer().to('meta'), make_input().to('meta')
    assert layer(x).shape == (B, K, D)
    assert layer.assignment(x).shape == (B, K, *SIZE)
