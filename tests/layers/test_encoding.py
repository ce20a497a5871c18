"""Encoding against the paper's equation and mmseg's layer, and its own promises."""

import pytest
import reference.encnet
import torch
from mmseg.models.utils import Encoding as StockEncoding
from onnx_session import onnx_session
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.graph import saved_tensors_hooks
from torch.export import Dim

import mmseg_plugins.layers.encoding as module
from mmseg_plugins.layers import Encoding

B, D, K, SIZE = 2, 24, 6, (7, 9)
N = SIZE[0] * SIZE[1]


def make_layer(cls: type = Encoding, channels: int = D, num_codes: int = K):
    torch.manual_seed(0)
    layer = cls(channels, num_codes)
    with torch.no_grad():  # codewords among the pixels, and shares that are not 0 or 1
        layer.codewords.normal_()
        layer.scale.div_(channels / 4)
    return layer


def make_input(*shape: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(*(shape or (B, D, *SIZE)))


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


def gradients(layer: torch.nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    layer.zero_grad()
    x = x.detach().requires_grad_()
    result = layer(x)
    torch.manual_seed(2)
    result.backward(torch.randn_like(result))
    return dict(x=x.grad, codewords=layer.codewords.grad, scale=layer.scale.grad)


def saved_sizes(layer: torch.nn.Module, x: torch.Tensor) -> list[int]:
    sizes = []
    with saved_tensors_hooks(lambda t: sizes.append(t.numel()), lambda t: t):
        layer(x.requires_grad_())
    return sizes


@pytest.mark.parametrize('shape', [(B, D, *SIZE), (B, D, N), (1, D, 1, 1), (3, D, 1)])
def test_equals_the_papers_equation(shape):
    layer, x = make_layer().double(), make_input(*shape).double()
    expected = reference.encnet.encode(x.flatten(2), layer.codewords, -layer.scale)
    assert relative_difference(layer(x), expected) < 1e-12


@pytest.mark.parametrize('spoilt', ['sign', 'codewords'])
def test_control_a_spoilt_equation_differs(spoilt):
    layer, x = make_layer().double(), make_input().double()
    codewords, smoothing = layer.codewords, -layer.scale
    if spoilt == 'sign':
        smoothing = -smoothing
    else:
        codewords = codewords.flip(0)
    expected = reference.encnet.encode(x.flatten(2), codewords, smoothing)
    assert relative_difference(layer(x), expected) > 0.1


def test_a_seeded_build_has_stocks_weights():
    torch.manual_seed(0)
    ours = Encoding(D, K).state_dict()
    torch.manual_seed(0)
    stock = StockEncoding(D, K).state_dict()
    assert list(ours) == list(stock) == ['codewords', 'scale']
    assert all(torch.equal(ours[key], stock[key]) for key in ours)


def test_equals_stock_with_its_gradients():
    ours, stock, x = make_layer(), make_layer(StockEncoding), make_input()
    stock.load_state_dict(ours.state_dict())
    ours.load_state_dict(stock.state_dict())
    assert relative_difference(ours(x), stock(x)) < 1e-5
    expected = gradients(stock, x)
    for name, gradient in gradients(ours, x).items():
        assert relative_difference(gradient, expected[name]) < 1e-4, name


def test_control_gradients_of_another_scale_differ():
    ours, stock, x = make_layer(), make_layer(StockEncoding), make_input()
    with torch.no_grad():
        stock.scale.mul_(1.01)
    expected = gradients(stock, x)
    for name, gradient in gradients(ours, x).items():
        assert relative_difference(gradient, expected[name]) > 1e-4, name


def encoding_inputs(zero: str) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    shapes = dict(x=(2, 3, 5), codewords=(4, 3), scale=(4,))
    tensors = {n: torch.randn(s, dtype=torch.float64) for n, s in shapes.items()}
    for name in zero.split():
        tensors[name].zero_()
    return tuple(tensor.requires_grad_() for tensor in tensors.values())


@pytest.mark.parametrize('zero', ['', 'x', 'scale', 'x scale', 'x codewords scale'])
def test_first_and_second_derivatives(zero):
    inputs = encoding_inputs(zero)
    assert gradcheck(module._Encode.apply, inputs)
    assert gradgradcheck(module._Encode.apply, inputs)


def test_control_a_spoilt_backward_is_found(monkeypatch):
    good = module._gradients

    def wrong_sign(*args):  # as in the authors' CPU operator
        to_x, to_codewords, to_scale = good(*args)
        return to_x, -to_codewords, to_scale

    monkeypatch.setattr(module, '_gradients', wrong_sign)
    assert not gradcheck(
        module._Encode.apply, encoding_inputs(''), raise_exception=False
    )


def test_frozen_weights_pass_the_gradient_on():
    layer, x = make_layer(), make_input()
    expected = gradients(layer, x)['x']
    layer.requires_grad_(False)
    x.requires_grad_()
    result = layer(x)
    torch.manual_seed(2)
    result.backward(torch.randn_like(result))
    assert torch.equal(x.grad, expected)


def test_keeps_nothing_of_the_size_of_all_residuals():
    sizes = saved_sizes(make_layer(), make_input())
    assert max(sizes) <= B * N * max(D, K)
    assert sum(sizes) <= B * N * (D + 2 * K) + K * D + K


def test_control_stock_keeps_all_residuals():
    assert max(saved_sizes(make_layer(StockEncoding), make_input())) == B * N * K * D


def strided_inputs() -> dict[str, torch.Tensor]:
    x = make_input()
    wide = torch.zeros(B, 2 * D, SIZE[0], SIZE[1] + 2)
    sliced = wide[:, ::2, :, 1:-1]
    return {
        'channels last': x.contiguous(memory_format=torch.channels_last),
        'sliced': sliced.copy_(x),
        'transposed': x.transpose(2, 3).contiguous().transpose(2, 3),
        'expanded': x[:1].expand(B, -1, -1, -1),
    }


@pytest.mark.parametrize('strides', strided_inputs())
def test_any_strides(strides):
    layer, x = make_layer(), strided_inputs()[strides]
    dense = x.contiguous()
    assert relative_difference(layer(x), layer(dense)) < 1e-6
    expected = gradients(layer, dense)
    for name, gradient in gradients(layer, x).items():
        assert relative_difference(gradient, expected[name]) < 1e-5, name


@pytest.mark.parametrize('strides', ['sliced', 'transposed'])
def test_defect_9_stock_refuses_some_strides(strides):
    with pytest.raises(RuntimeError, match='view'):
        make_layer(StockEncoding)(strided_inputs()[strides])


def test_an_empty_batch_gives_an_empty_result_with_gradients():
    found = gradients(make_layer(), make_input(0, D, *SIZE))
    assert found['x'].shape == (0, D, *SIZE)
    assert not found['codewords'].any()
    assert not found['scale'].any()


def test_defect_9_stock_refuses_an_empty_batch():
    with pytest.raises(RuntimeError, match='reshape'):
        make_layer(StockEncoding)(make_input(0, D, *SIZE))


@pytest.mark.parametrize('shape', [(D, N), (B, D + 1, N), (B, D, 1, 2, 3)])
def test_an_input_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match='the input has shape'):
        make_layer()(make_input(*shape))


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match='num_codes=0'):
        Encoding(D, 0)


def activations_of_20() -> torch.Tensor:
    torch.manual_seed(1)
    return 20.0 * (torch.rand(B, 512, 64, 64) < 0.9)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('pure', [True, False])
def test_half_precision_is_finite(dtype, pure):
    torch.manual_seed(0)
    layer, x = Encoding(512, 32), activations_of_20().to(dtype)
    exact = layer(x.float())
    if pure:
        layer = layer.to(dtype)
    with torch.autocast('cpu', dtype, enabled=not pure):
        result = layer(x.requires_grad_())
        result.sum().backward()
    assert exact.abs().max() > torch.finfo(torch.float16).max
    assert result.dtype == torch.float32
    assert x.grad.isfinite().all()
    assert relative_difference(result, exact) < (0.01 if pure else 1e-6)


def test_defect_8_stock_in_half_precision_is_not_finite():
    torch.manual_seed(0)
    layer = StockEncoding(512, 4).half()
    assert not layer(activations_of_20()[:1, :, :8, :8].half()).isfinite().all()


def test_autocast_changes_nothing_even_in_the_backward_pass():
    layer, x = make_layer(), make_input()
    expected = gradients(layer, x)
    with torch.autocast('cpu', torch.bfloat16):
        found = gradients(layer, x)
    for name, gradient in found.items():
        assert torch.equal(gradient, expected[name]), name


def test_compiles_as_one_graph_with_its_gradients():
    layer, x = make_layer(), make_input()
    expected = gradients(layer, x)
    torch._dynamo.reset()
    found = gradients(torch.compile(layer, fullgraph=True, backend='aot_eager'), x)
    for name, gradient in found.items():
        assert relative_difference(gradient, expected[name]) < 1e-6, name


def test_shares_of_a_pixel_add_up_to_one_and_give_the_codes():
    layer, x = make_layer().double(), make_input().double()
    shares = layer.assignment(x)
    assert shares.shape == (B, K, *SIZE)
    torch.testing.assert_close(shares.sum(1), torch.ones(B, *SIZE).double())
    flat = shares.flatten(2)
    codes = flat @ x.flatten(2).mT - flat.sum(2, keepdim=True) * layer.codewords
    torch.testing.assert_close(codes, layer(x))


AXES = {0: 'batch', 2: 'height', 3: 'width'}
DYNAMIC = (dict.fromkeys(AXES, Dim.AUTO),)


@pytest.mark.parametrize('dynamo', [True, False])
def test_onnx_model_equals_eager_at_other_sizes(dynamo, tmp_path):
    layer = make_layer().eval()
    session = onnx_session(layer, make_input(), tmp_path, dynamo, AXES)
    for shape in ((1, D, 3, 4), (5, D, 11, 2)):
        x = make_input(*shape)
        (found,) = session.run(None, {'x': x.numpy()})
        assert relative_difference(torch.from_numpy(found), layer(x)) < 1e-5


def test_exported_program_equals_eager_at_other_sizes():
    layer = make_layer().eval()
    program = torch.export.export(layer, (make_input(),), dynamic_shapes=DYNAMIC)
    x = make_input(5, D, 11, 2)
    assert relative_difference(program.module()(x), layer(x)) < 1e-6


def test_what_is_below_the_normal_range_is_zero_and_slows_no_product():
    torch.manual_seed(0)
    layer = Encoding(256, 8)
    layer.scale.data = torch.linspace(-1, 0, 8)
    x = torch.randn(1, 256, 5, 5).relu()  # as after a norm: |x|^2 is near 128
    weights = layer.assignment(x)
    limits = torch.finfo(torch.float32)
    plain = (layer.scale[:, None] * reference_distances(x, layer.codewords)).softmax(1)
    assert (plain > 0).logical_and(plain < limits.tiny).any()  # there were some
    assert weights[weights > 0].min() >= limits.tiny / limits.eps
    torch.testing.assert_close(weights.flatten(2), plain, rtol=1e-3, atol=1e-30)


def reference_distances(x: torch.Tensor, codewords: torch.Tensor) -> torch.Tensor:
    differences = x.flatten(2)[:, None] - codewords[:, :, None]
    return differences.square().sum(2)


def test_only_traces_are_made_zero():
    values = torch.tensor(
        [1e-40, -1e-33, 1e-30, -1e-30, 0.0, 1.0, torch.inf, torch.nan]
    )
    found = module._without_traces(values)
    expected = torch.tensor([0, 0, 1e-30, -1e-30, 0, 1, torch.inf, torch.nan])
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


def test_a_map_that_is_not_a_number_gives_none():
    layer = make_layer().float()
    x = make_input().float()
    x[0, 0, 0, 0] = torch.nan
    assert layer(x)[0].isnan().all()
    assert layer(x)[1].isfinite().all()
