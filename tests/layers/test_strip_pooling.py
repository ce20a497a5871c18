"""SPM and MPM against the authors' form in float64, and their own promises."""

import pytest
import torch
from mmcv.cnn import build_plugin_layer
from mmseg.models.backbones import ResNet
from onnx_session import onnx_session
from reference.spnet import SPNet
from torch.export import Dim

from mmseg_plugins.layers import MixedPooling, StripPooling

SIZES = [(13, 7), (97, 61), (60, 60), (64, 64), (1, 5)]
MODULES = {
    'SPM': lambda channels=6: StripPooling(channels),
    'MPM': lambda channels=8: MixedPooling(channels),
    'MPM with pools 3': lambda channels=8: MixedPooling(channels, (3,)),
    'MPM without pools': lambda channels=8: MixedPooling(channels, ()),
    'MPM of half-pixel corners': lambda: MixedPooling(8, align_corners=False),
}
every_module = pytest.mark.parametrize('name', MODULES)
both = pytest.mark.parametrize('name', ['SPM', 'MPM'])
either_mode = pytest.mark.parametrize('train', [True, False])


def make(name: str, **kwargs) -> torch.nn.Module:
    """Build in float64, with random statistics and biases."""
    torch.manual_seed(0)
    module = MODULES[name](**kwargs).double()
    for tensor in module.state_dict().values():
        if tensor.dim() == 1:
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
    return module


def make_input(module: torch.nn.Module, *size: int, batch: int = 2) -> torch.Tensor:
    torch.manual_seed(1)
    first = module.gate if isinstance(module, StripPooling) else module.reduce.conv
    return torch.randn(batch, first.in_channels, *size, dtype=first.weight.dtype)


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


def gradients(result: torch.Tensor, tensors: dict) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    weight = torch.randn(result.shape, dtype=result.dtype)
    found = torch.autograd.grad(result, [*tensors.values()], weight)
    return dict(zip(tensors, found, strict=True))


def run(module: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, dict]:
    """Return the result and the gradients of the input and of every parameter."""
    x = x.detach().requires_grad_()
    result = module(x)
    return result, gradients(result, dict(module.named_parameters(), x=x))


def run_reference(
    module: torch.nn.Module, x: torch.Tensor, spoilt: str = ''
) -> tuple[torch.Tensor, dict]:
    """As ``run``, by the reference on the module's weights."""
    x = x.detach().requires_grad_()
    state = {key: value.detach().clone() for key, value in module.state_dict().items()}
    tensors = {key: state[key].requires_grad_() for key, _ in module.named_parameters()}
    reference = SPNet(state, module.training, spoilt)
    if isinstance(module, StripPooling):
        result = reference.spm(x)
    else:
        result = reference.mpm(x, module.pool_sizes)
    return result, gradients(result, dict(tensors, x=x))


def largest_difference(found: tuple, expected: tuple) -> tuple[float, float]:
    """Compare results, and gradients by the largest of them all."""
    scale = max(gradient.abs().max().item() for gradient in expected[1].values())
    differences = [(found[1][k] - expected[1][k]).abs().max() for k in expected[1]]
    return relative_difference(found[0], expected[0]), max(differences).item() / scale


@pytest.mark.parametrize('name', [*MODULES][:4])
@pytest.mark.parametrize('size', SIZES)
@either_mode
def test_equals_the_authors_form(name, size, train):
    module = make(name).train(train)
    x = make_input(module, *size)
    expected = run_reference(module, x)
    result, gradient = largest_difference(run(module, x), expected)
    assert result < (1e-10 if train else 1e-12)
    assert gradient < 1e-10


@pytest.mark.parametrize(('name', 'channels'), [('SPM', 512), ('MPM', 1024)])
def test_equals_the_authors_form_at_full_width(name, channels):
    module = make(name, channels=channels).eval()
    x = make_input(module, 13, 7)
    with torch.no_grad():
        actual = module(x)
        reference = SPNet(module.state_dict(), train=False)
        form = reference.spm if name == 'SPM' else reference.mpm
        expected = form(x) if name == 'SPM' else form(x, (20, 12))
    assert relative_difference(actual, expected) < 1e-12


@pytest.mark.parametrize(
    ('name', 'spoilt'),
    [
        ('SPM', 'swapped strips'),
        ('SPM', 'no ReLU after the sum'),
        ('MPM', 'swapped strips'),
        ('MPM', 'no ReLU after the sum'),
        ('MPM', 'half-pixel corners'),
        ('MPM', 'other pools'),
    ],
)
@either_mode
def test_control_a_spoilt_form_differs(name, spoilt, train):
    module = make(name).train(train)
    for size in SIZES[:4]:
        x = make_input(module, *size)
        found, expected = run(module, x), run_reference(module, x, spoilt)
        assert min(largest_difference(found, expected)) > 1e-4


def test_half_pixel_corners_are_an_option():
    module = make('MPM of half-pixel corners').eval()
    x = make_input(module, 13, 7)
    expected = run_reference(module, x, 'half-pixel corners')
    assert max(largest_difference(run(module, x), expected)) < 1e-12


def test_the_gate_is_what_the_map_is_multiplied_by():
    spm = make('SPM').eval()
    x = make_input(spm, 13, 7)
    gate = spm.gate_map(x)
    assert gate.shape == x.shape
    assert 0 < gate.min() < gate.max() < 1
    assert torch.equal(spm(x), x * gate)
    with torch.no_grad():  # the gate's memory takes the result, not the map's
        assert torch.equal(spm(x), x * gate)
        assert torch.equal(x, make_input(spm, 13, 7))


@both
@either_mode
def test_channels_last_gives_the_same_numbers_and_gradients(name, train):
    module = make(name).train(train)
    x = make_input(module, 13, 7)
    expected = run(module, x)
    turned = x.contiguous(memory_format=torch.channels_last)
    found = run(module.to(memory_format=torch.channels_last), turned)
    assert max(largest_difference(found, expected)) < 1e-12
    assert found[0].is_contiguous(memory_format=torch.channels_last)


@both
def test_a_map_of_one_cell_is_evaluated(name):
    module = make(name).eval()
    x = make_input(module, 1, 1, batch=1)
    expected = run_reference(module, x)
    assert max(largest_difference(run(module, x), expected)) < 1e-12


@both
def test_a_batch_of_one_trains_from_two_cells_a_side_on(name):
    module = make(name).train()
    _, found = run(module, make_input(module, 2, 3, batch=1))
    assert all(gradient.isfinite().all() for gradient in found.values())
    with pytest.raises(ValueError, match='more than 1 value per channel'):
        module(make_input(module, 1, 1, batch=1))


@both
@pytest.mark.parametrize('pure', [True, False])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_near(name, pure, dtype):
    module = make(name).float().eval()
    x = make_input(module, 13, 7)
    with torch.no_grad():
        expected = module(x)
        if pure:
            module, x = module.to(dtype), x.to(dtype)
        with torch.autocast('cpu', dtype, enabled=not pure):
            result = module(x)
    assert relative_difference(result.float(), expected) < 0.05


@both
def test_compiles_as_one_graph_with_its_gradients(name):
    module = make(name).train()
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend='aot_eager')
    x = make_input(module, *SIZES[0]).requires_grad_()
    result = compiled(x)
    found = gradients(result, dict(module.named_parameters(), x=x))
    assert max(largest_difference((result, found), run(module, x))) < 1e-10


TRACED = (24, 31)  # others: pools of 20 and 12 divide them, do not, and exceed them
AXES = {0: 'batch', 2: 'height', 3: 'width'}
DYNAMIC = (dict.fromkeys(AXES, Dim.AUTO),)


@every_module
def test_exported_program_equals_eager_at_other_sizes(name):
    module = make(name).eval()
    example = (make_input(module, *TRACED),)
    program = torch.export.export(module, example, dynamic_shapes=DYNAMIC).module()
    for size in (*SIZES[:4], (5, 2)):
        x = make_input(module, *size, batch=3)
        assert relative_difference(program(x), module(x)) < 1e-12


@pytest.mark.slow
@both
@pytest.mark.parametrize('dynamo', [True, False])
def test_onnx_model_equals_eager_at_other_sizes(name, dynamo, tmp_path):
    module = make(name).float().eval()
    example = make_input(module, *TRACED)
    session = onnx_session(module, example, tmp_path, dynamo, AXES)
    for size in (*SIZES[:4], (5, 2)):
        x = make_input(module, *size, batch=3)
        (found,) = session.run(None, {'x': x.numpy()})
        with torch.no_grad():
            expected = module(x)
        assert relative_difference(torch.from_numpy(found), expected) < 1e-5


@pytest.mark.parametrize('scope', ['', 'mmseg_plugins.'])
def test_the_spm_is_a_plugin_layer(scope):
    cfg = dict(type=f'{scope}StripPooling', norm_cfg=dict(type='GN', num_groups=2))
    name, layer = build_plugin_layer(cfg, '_1', in_channels=8)
    assert name == 'spm_1'
    assert isinstance(layer, StripPooling)
    assert isinstance(layer.vertical.norm, torch.nn.GroupNorm)


def test_a_stock_resnet_takes_the_spm():
    plugin = dict(
        cfg=dict(type='mmseg_plugins.StripPooling'),
        stages=(False, False, False, True),
        position='after_conv2',
    )
    net = ResNet(50, base_channels=4, stem_channels=4, plugins=[plugin])
    names = [n for n, m in net.named_modules() if isinstance(m, StripPooling)]
    assert names == ['layer4.0.spm', 'layer4.1.spm', 'layer4.2.spm']
    assert net(torch.randn(2, 3, 64, 64))[-1].shape == (2, 128, 2, 2)


def test_a_new_spm_gates_by_about_half_and_a_little():
    torch.manual_seed(0)
    spm = StripPooling(256)
    assert spm.gate.weight.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.05)
    gate = spm.gate_map(torch.randn(1, 256, 8, 8))
    assert gate.mean().item() == pytest.approx(0.5, abs=0.05)
    assert gate.std() < 0.3


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (dict(pool_sizes=(20, 0)), r'pool_sizes=\(20, 0\)'),
        (dict(ratio=9), 'ratio=9'),
        (dict(ratio=0), 'ratio=0'),
    ],
)
def test_a_bad_argument_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        MixedPooling(8, **arguments)
