"""SPM and MPM against the authors' form in float64."""

import pytest
import torch
from mmseg.models.backbones import ResNet
from torch import nn

from mmseg_plugins.layers import MixedPooling, StripPooling
from tests.decode_heads.comparison import copy_weights, relative_differences
from tests.reference.spnet import SPNet

BN = dict(type='BN')
#: Maps that the pools of 20 and 12 divide, do not divide, and exceed.
SIZES = [(13, 7), (97, 61), (60, 60), (64, 64), (1, 5)]
MODULES = {
    'SPM': lambda: StripPooling(6, open_gate=False),
    'MPM': lambda: MixedPooling(8),
    'MPM with one pool': lambda: MixedPooling(8, (3,)),
    'MPM without pools': lambda: MixedPooling(8, ()),
    'MPM without aligned corners': lambda: MixedPooling(8, align_corners=False),
}
either_mode = pytest.mark.parametrize('train', [True, False])


def make(name: str) -> torch.nn.Module:
    """Build in float64, with random statistics and biases."""
    torch.manual_seed(0)
    module = MODULES[name]().double()
    for tensor in module.state_dict().values():
        if tensor.dim() == 1:
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
    return module


def make_input(name: str, size: tuple[int, int]) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 6 if name == 'SPM' else 8, *size, dtype=torch.float64)


def differences(
    name: str, size: tuple[int, int], train: bool, deviation: str = ''
) -> tuple[float, float]:
    """Compare result and gradients with those of the authors' form."""
    module, x = make(name).train(train), make_input(name, size).requires_grad_()
    weights, trained = copy_weights(module)
    reference = SPNet(weights, train, deviation)
    if name == 'SPM':
        expected = reference.spm(x)
    else:
        expected = reference.mpm(x, module.pool_sizes)
    sources = [x, *module.parameters()]
    return relative_differences(module(x), expected, sources, [x, *trained])


@pytest.mark.parametrize('name', MODULES)
@pytest.mark.parametrize('size', SIZES)
@either_mode
def test_equals_the_authors_form(name, size, train):
    unaligned = name == 'MPM without aligned corners'
    deviation = 'half-pixel corners' if unaligned else ''
    result, gradients = differences(name, size, train, deviation)
    assert result < (1e-10 if train else 1e-12)
    assert gradients < 1e-10


@pytest.mark.parametrize(
    ('name', 'deviation'),
    [
        ('SPM', 'swapped strips'),
        ('SPM', 'no ReLU after the sum'),
        ('MPM', 'swapped strips'),
        ('MPM', 'half-pixel corners'),
        ('MPM', 'other pools'),
    ],
)
@either_mode
def test_control_another_form_differs(name, deviation, train):
    for size in SIZES[:4]:
        assert min(differences(name, size, train, deviation)) > 1e-4


def test_the_gate_is_what_the_map_is_multiplied_by():
    spm, x = make('SPM').eval(), make_input('SPM', (13, 7))
    gate = spm.gate_map(x)
    assert 0 < gate.min() < gate.max() < 1
    assert torch.equal(spm(x), x * gate)


@pytest.mark.parametrize('norm_cfg', [BN, dict(BN, requires_grad=False), None])
def test_mpm_starts_as_the_identity_and_trains(norm_cfg):
    x = torch.rand(2, 8, 13, 7)
    mpm = MixedPooling(8, norm_cfg=norm_cfg)
    out = mpm(x)
    assert torch.equal(out, x)
    assert not torch.allclose(MixedPooling(8, zero_init_residual=False)(x), x)
    out.square().mean().backward()
    torch.optim.SGD(mpm.parameters(), lr=0.1).step()
    assert not torch.equal(mpm(x), x)


def test_spm_starts_with_an_open_gate_that_init_weights_keeps():
    spm = StripPooling(6)
    nn.init.normal_(spm.gate.weight)  # as the init_cfg of a ResNet does
    nn.init.zeros_(spm.gate.bias)
    spm.init_weights()
    gate = spm.gate_map(torch.randn(2, 6, 13, 7))
    assert torch.allclose(gate, torch.tensor(3.0).sigmoid())
    closed = StripPooling(6, open_gate=False).gate_map(torch.randn(2, 6, 13, 7))
    assert closed.mean().item() == pytest.approx(0.5, abs=0.2)


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
