"""SPM and MPM against the authors' form in float64, and as graphs."""

import pytest
import torch
from mmseg.models.backbones import ResNet
from reference.spnet import SPNet
from torch.export import Dim

from mmseg_plugins.layers import MixedPooling, StripPooling

#: Maps that the pools of 20 and 12 divide, do not divide, and exceed.
SIZES = [(13, 7), (97, 61), (60, 60), (64, 64), (1, 5)]
MODULES = {
    'SPM': lambda channels=6: StripPooling(channels),
    'MPM': lambda channels=8: MixedPooling(channels),
    'MPM with one pool': lambda: MixedPooling(8, (3,)),
    'MPM without pools': lambda: MixedPooling(8, ()),
    'MPM without aligned corners': lambda: MixedPooling(8, align_corners=False),
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
    is_spm = isinstance(module, StripPooling)
    first = module.gate if is_spm else module.reduce_short.conv
    return torch.randn(batch, first.in_channels, *size, dtype=torch.float64)


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


def gradients(result: torch.Tensor, tensors: dict) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    weight = torch.randn(result.shape, dtype=result.dtype)
    grads = torch.autograd.grad(result, [*tensors.values()], weight)
    return dict(zip(tensors, grads, strict=True))


def run(module: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, dict]:
    """Return the result and the gradients of the input and of every parameter."""
    x = x.detach().requires_grad_()
    result = module(x)
    return result, gradients(result, dict(module.named_parameters(), x=x))


def run_reference(
    module: torch.nn.Module, x: torch.Tensor, deviation: str = ''
) -> tuple[torch.Tensor, dict]:
    """Do the same with the reference and the weights of the module."""
    x = x.detach().requires_grad_()
    state = {key: value.detach().clone() for key, value in module.state_dict().items()}
    tensors = {key: state[key].requires_grad_() for key, _ in module.named_parameters()}
    reference = SPNet(state, module.training, deviation)
    if isinstance(module, StripPooling):
        result = reference.spm(x)
    else:
        result = reference.mpm(x, module.pool_sizes)
    return result, gradients(result, dict(tensors, x=x))


def largest_differences(actual: tuple, expected: tuple) -> tuple[float, float]:
    """Compare results, and gradients relative to the largest of them all."""
    scale = max(gradient.abs().max().item() for gradient in expected[1].values())
    differences = [(actual[1][k] - expected[1][k]).abs().max() for k in expected[1]]
    return relative_difference(actual[0], expected[0]), max(differences).item() / scale


@every_module
@pytest.mark.parametrize('size', SIZES)
@either_mode
def test_equals_the_authors_form(name, size, train):
    module = make(name).train(train)
    x = make_input(module, *size)
    unaligned = name == 'MPM without aligned corners'
    expected = run_reference(module, x, 'half-pixel corners' if unaligned else '')
    result, gradient = largest_differences(run(module, x), expected)
    assert result < (1e-10 if train else 1e-12)
    assert gradient < 1e-10


@pytest.mark.parametrize(
    ('name', 'deviation'),
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
def test_control_another_form_differs(name, deviation, train):
    module = make(name).train(train)
    for size in SIZES[:4]:
        x = make_input(module, *size)
        expected = run_reference(module, x, deviation)
        assert min(largest_differences(run(module, x), expected)) > 1e-4


@pytest.mark.parametrize(('name', 'channels'), [('SPM', 512), ('MPM', 1024)])
def test_equals_the_authors_form_at_full_width_and_in_channels_last(name, channels):
    module = make(name, channels=channels).eval()
    x = make_input(module, 13, 7)
    expected = run_reference(module, x)[0]
    with torch.no_grad():
        assert relative_difference(module(x), expected) < 1e-12
        module.to(memory_format=torch.channels_last)
        result = module(x.contiguous(memory_format=torch.channels_last))
    assert relative_difference(result, expected) < 1e-12
    assert result.is_contiguous(memory_format=torch.channels_last)


def test_the_gate_is_what_the_map_is_multiplied_by():
    spm = make('SPM').eval()
    x = make_input(spm, 13, 7)
    gate = spm.gate_map(x)
    assert 0 < gate.min() < gate.max() < 1
    assert torch.equal(spm(x), x * gate)


@both
def test_a_map_of_one_cell_is_evaluated_but_trains_only_in_a_batch(name):
    module = make(name).eval()
    x = make_input(module, 1, 1, batch=1)
    expected = run_reference(module, x)
    assert max(largest_differences(run(module, x), expected)) < 1e-12
    module.train()
    run(module, make_input(module, 2, 3, batch=1))
    with pytest.raises(ValueError, match='more than 1 value per channel'):
        module(x)


@every_module
@pytest.mark.parametrize('exporter', ['torch.export', 'torch.jit.trace'])
def test_a_graph_has_no_adaptive_pools_and_equals_eager_at_other_sizes(name, exporter):
    module = make(name).eval()
    x = make_input(module, 24, 31)
    if exporter == 'torch.export':
        axes = {axis: Dim.AUTO for axis in (0, 2, 3)}
        graph = torch.export.export(module, (x,), dynamic_shapes=(axes,)).module()
    else:
        graph = torch.jit.trace(module, x)
    assert 'adaptive' not in str(getattr(graph, 'inlined_graph', graph.graph))
    for size in (*SIZES[:4], (5, 2)):
        x = make_input(module, *size, batch=3)
        assert relative_difference(graph(x), module(x)) < 1e-12


@pytest.mark.parametrize('scope', ['', 'mmseg_plugins.'])
def test_the_spm_is_a_plugin_of_stock_resnets(scope):
    plugin = dict(
        cfg=dict(type=f'{scope}StripPooling', norm_cfg=dict(type='GN', num_groups=2)),
        stages=(False, False, False, True),
        position='after_conv2',
    )
    net = ResNet(50, base_channels=4, stem_channels=4, plugins=[plugin])
    spms = {n: m for n, m in net.named_modules() if isinstance(m, StripPooling)}
    assert list(spms) == ['layer4.0.spm', 'layer4.1.spm', 'layer4.2.spm']
    assert isinstance(spms['layer4.0.spm'].vertical.norm, torch.nn.GroupNorm)
    assert net(torch.randn(2, 3, 64, 64))[-1].shape == (2, 128, 2, 2)


def test_a_new_gate_has_the_authors_initial_weights():
    torch.manual_seed(0)
    std = StripPooling(256).gate.weight.std().item()
    assert std == pytest.approx((2 / 256) ** 0.5, rel=0.05)


def test_a_bad_argument_is_refused():
    with pytest.raises(ValueError, match=r'pool_sizes=\(20, 0\): all must'):
        MixedPooling(8, (20, 0))
    for ratio in (0, 9):
        with pytest.raises(ValueError, match=f'ratio={ratio}: must be from 1 to'):
            MixedPooling(8, ratio=ratio)
