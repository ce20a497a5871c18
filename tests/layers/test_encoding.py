"""Encoding against the equation of the paper and against mmseg's layer."""

import pytest
import torch
from mmseg.models.utils import Encoding as StockEncoding
from reference.encnet import encode
from torch.autograd import gradcheck
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call

from mmseg_plugins.layers import Encoding

B, D, K, SIZE = 2, 24, 6, (7, 9)
N = SIZE[0] * SIZE[1]
half_types = pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])


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


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


def gradients(
    layer: torch.nn.Module, x: torch.Tensor, autocast: torch.dtype | None = None
) -> dict[str, torch.Tensor]:
    layer.zero_grad()
    x = x.detach().requires_grad_()
    with torch.autocast('cpu', autocast, enabled=autocast is not None):
        result = layer(x)
    torch.manual_seed(2)
    result.backward(torch.randn_like(result))
    return dict(x=x.grad, codewords=layer.codewords.grad, scale=layer.scale.grad)


@pytest.mark.parametrize('shape', [(B, D, *SIZE), (B, D, N), (1, D, 1, 1), (3, D, 1)])
def test_equals_the_equation_of_the_paper(shape):
    layer, x = make_layer(), make_input(*shape)
    expected = encode(x.flatten(2), layer.codewords, -layer.scale)
    assert relative_difference(layer(x), expected) < 1e-12


@pytest.mark.parametrize('mistake', ['sign', 'order of the codewords'])
def test_control_another_equation_differs(mistake):
    layer, x = make_layer(), make_input()
    codewords, smoothing = layer.codewords, -layer.scale
    if mistake == 'sign':
        smoothing = -smoothing
    else:
        codewords = codewords.flip(0)
    expected = encode(x.flatten(2), codewords, smoothing)
    assert relative_difference(layer(x), expected) > 0.1


def test_initial_weights_are_those_of_stock():
    torch.manual_seed(0)
    ours = Encoding(D, K).state_dict()
    torch.manual_seed(0)
    stock = StockEncoding(D, K).state_dict()
    assert list(ours) == list(stock) == ['codewords', 'scale']
    assert all(torch.equal(ours[key], stock[key]) for key in ours)


def test_values_and_gradients_equal_those_of_stock():
    ours, stock, x = make_layer(), make_layer(StockEncoding), make_input()
    assert relative_difference(ours(x), stock(x)) < 1e-12
    expected = gradients(stock, x)
    for name, gradient in gradients(ours, x).items():
        assert relative_difference(gradient, expected[name]) < 1e-10, name


def test_control_values_and_gradients_of_another_scale_differ():
    ours, stock, x = make_layer(), make_layer(StockEncoding), make_input()
    with torch.no_grad():
        stock.scale.mul_(1.01)
    assert relative_difference(ours(x), stock(x)) > 1e-4
    expected = gradients(stock, x)
    for name, gradient in gradients(ours, x).items():
        assert relative_difference(gradient, expected[name]) > 1e-4, name


def test_gradients_equal_finite_differences():
    torch.manual_seed(0)
    layer, shapes = Encoding(3, 4), [(2, 3, 5), (4, 3), (4,)]
    inputs = [torch.randn(shape).double().requires_grad_() for shape in shapes]

    def forward(x, codewords, scale):
        weights = dict(codewords=codewords, scale=scale)
        return functional_call(layer, weights, (x,))

    assert gradcheck(forward, inputs)


def most_saved_values(layer: torch.nn.Module) -> int:
    sizes = []
    with saved_tensors_hooks(lambda t: sizes.append(t.numel()), lambda t: t):
        layer(make_input().requires_grad_())
    return max(sizes)


def test_keeps_no_tensor_of_all_residuals_for_the_backward_pass():
    assert most_saved_values(make_layer()) <= B * N * max(D, K)
    assert most_saved_values(make_layer(StockEncoding)) == B * N * K * D  # control


def test_assignment_weights_sum_to_one_and_give_the_result():
    layer, x = make_layer(), make_input()
    weights = layer.assignment(x)
    torch.testing.assert_close(weights.sum(1), torch.ones(B, *SIZE).double())
    flat = weights.flatten(2)
    result = flat @ x.flatten(2).mT - flat.sum(2, keepdim=True) * layer.codewords
    torch.testing.assert_close(result, layer(x))


def test_takes_any_strides():
    layer, x = make_layer(), make_input()
    expected = layer(x)
    wide = torch.zeros(B, 2 * D, SIZE[0], SIZE[1] + 2, dtype=torch.float64)
    for strided in (
        x.contiguous(memory_format=torch.channels_last),
        wide[:, ::2, :, 1:-1].copy_(x),
        x.mT.contiguous().mT,
    ):
        assert relative_difference(layer(strided), expected) < 1e-12


def test_an_empty_batch_gives_an_empty_result_and_zero_gradients():
    empty = gradients(make_layer(), make_input(0, D, *SIZE))
    assert empty['x'].shape == (0, D, *SIZE)
    assert not empty['codewords'].any()
    assert not empty['scale'].any()


@pytest.mark.parametrize('shape', [(D, N), (B, D + 1, N), (B, D, 1, 2, 3)])
def test_an_input_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r'x has shape \('):
        make_layer()(make_input(*shape))


@pytest.mark.parametrize('sizes', [(0, K), (D, 0)])
def test_sizes_below_one_are_refused(sizes):
    with pytest.raises(ValueError, match='both must be at least 1'):
        Encoding(*sizes)


@half_types
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


@half_types
def test_autocast_changes_no_gradient(dtype):
    layer, x = make_layer().float(), make_input().float()
    expected = gradients(layer, x)
    for name, gradient in gradients(layer, x, dtype).items():
        assert torch.equal(gradient, expected[name]), name


def test_works_on_a_device_without_autocast():
    with pytest.raises(RuntimeError):
        torch.autocast('meta')
    layer, x = make_layer().to('meta'), make_input().to('meta')
    assert layer(x).shape == (B, K, D)
    assert layer.assignment(x).shape == (B, K, *SIZE)


def test_is_one_call_in_a_symbolic_trace():
    layer = make_layer()
    traced = torch.fx.symbolic_trace(layer)
    calls = [node for node in traced.graph.nodes if node.op.startswith('call')]
    assert len(calls) == 1
    x = make_input(5, D, 11, 2)
    assert torch.equal(traced(x), layer(x))
