"""SPNetResNet against the authors' form and the host's ResNet, and its own promises."""

import pytest
import torch
from mmengine.logging import MMLogger
from mmseg.models.backbones import ResNet
from reference.spnet import SPNet

from mmseg_plugins.backbones import SPNetResNet
from mmseg_plugins.layers import StripPooling

BN = dict(type='BN')
NONE = ((), (), (), ())
SLIM = dict(base_channels=4, stem_channels=8, norm_cfg=BN)
HOSTS = dict(
    strides=(1, 2, 1, 1),
    dilations=(1, 1, 2, 4),
    multi_grid=(4, 8, 16),
    contract_dilation=True,
    deep_stem=True,
)
PAPER = {
    18: ['layer1.1', 'layer2.1', 'layer3.1', 'layer4.0', 'layer4.1'],
    34: ['layer1.2', 'layer2.3', 'layer3.5', 'layer4.0', 'layer4.1', 'layer4.2'],
    50: ['layer1.2', 'layer2.3', 'layer3.5', 'layer4.0', 'layer4.1', 'layer4.2'],
    101: ['layer1.2', 'layer2.3', 'layer3.22', 'layer4.0', 'layer4.1', 'layer4.2'],
    152: ['layer1.2', 'layer2.7', 'layer3.35', 'layer4.0', 'layer4.1', 'layer4.2'],
}
basic_or_bottleneck = pytest.mark.parametrize('depth', [18, 50])


def make(depth: int = 50, cls: type = SPNetResNet, **kwargs) -> torch.nn.Module:
    torch.manual_seed(0)
    net = cls(depth, **{**SLIM, **kwargs})
    for tensor in net.state_dict().values():
        if tensor.dim() == 1:
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
    return net


def spms(net: torch.nn.Module) -> list[str]:
    return [n for n, m in net.named_modules() if isinstance(m, StripPooling)]


def image(*size: int, batch: int = 2) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, 3, *size)


def trained(net: torch.nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    net.zero_grad()
    sum(level.square().mean() for level in net(x)).backward()
    return {k: p.grad for k, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize('depth', PAPER)
def test_spms_are_where_the_paper_puts_them(depth):
    with torch.device('meta'):
        net = SPNetResNet(depth)
    assert spms(net) == [f'{block}.spm' for block in PAPER[depth]]
    widths = [net.get_submodule(name).gate.in_channels for name in spms(net)]
    assert widths[:3] + widths[-1:] == [64, 128, 256, 512]


@basic_or_bottleneck
def test_spms_are_where_they_are_wanted(depth):
    net = make(depth, spm_blocks=([0, 1], 'all', 'last', ()))
    every = [f'layer2.{i}.spm' for i in range(net.stage_blocks[1])]
    last = f'layer3.{net.stage_blocks[2] - 1}.spm'
    assert spms(net) == ['layer1.0.spm', 'layer1.1.spm', *every, last]
    assert len(net(image(33, 47))) == 4


@basic_or_bottleneck
def test_without_spms_it_is_the_hosts_resnet(depth):
    ours, host = make(depth, spm_blocks=NONE), make(depth, ResNet, **HOSTS)
    ours.load_state_dict(host.state_dict())
    x = image(33, 47)
    for mine, theirs in zip(ours(x), host(x), strict=True):
        assert torch.equal(mine, theirs)
    mine, theirs = trained(ours, x), trained(host, x)
    assert list(mine) == list(theirs)
    for key, gradient in theirs.items():
        torch.testing.assert_close(mine[key], gradient, rtol=1e-4, atol=1e-6)


def test_in_a_basic_block_the_spm_gates_the_second_convolutions_input():
    net = make(18).eval()
    block = net.layer4[0]
    seen = {}
    block.spm.register_forward_hook(lambda m, args, out: seen.update(x=args[0], y=out))
    block.conv2.register_forward_hook(lambda m, args, out: seen.update(conv=args[0]))
    net(image(33, 47))
    assert seen['x'].min() == 0
    assert torch.equal(seen['y'], block.spm(seen['x']))
    assert torch.equal(seen['conv'], seen['y'])


@pytest.mark.parametrize('depth', [50, 101])
@pytest.mark.parametrize('spoilt', ['', 'no multi-grid', 'swapped strips'])
def test_equals_the_authors_form(depth, spoilt):
    net = make(depth).double().eval()
    x = image(97, 53).double()
    with torch.no_grad():
        actual = net(x)
        expected = SPNet(net.state_dict(), False, spoilt).backbone(x, depth)
    differences = [
        ((a - b).abs().max() / b.abs().max()).item()
        for a, b in zip(actual, expected, strict=True)
    ]
    if spoilt:
        assert differences[-1] > 1e-3
    else:
        assert max(differences) < 1e-12


@basic_or_bottleneck
@pytest.mark.parametrize('stem', [dict(stem_channels=4), dict(deep_stem=False)])
def test_a_checkpoint_of_the_host_loads(depth, stem, tmp_path, monkeypatch):
    stem = dict(stem_channels=8, **stem) if 'deep_stem' in stem else stem
    host = make(depth, ResNet, **{**HOSTS, **stem})
    torch.save(dict(state_dict=host.state_dict()), tmp_path / 'host.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'host.pth'))
    net = SPNetResNet(depth, **{**SLIM, **stem}, init_cfg=init)
    fresh = {k: v.clone() for k, v in net.state_dict().items() if '.spm.' in k}
    said = []
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, 'warning', lambda *args, **kw: said.append(args[0]))
    net.init_weights()
    state = net.state_dict()
    assert all(torch.equal(state[k], v) for k, v in host.state_dict().items())
    assert set(state) - set(host.state_dict()) == set(fresh)
    assert all(torch.equal(state[k], v) for k, v in fresh.items())
    assert 'unexpected' not in ' '.join(said)


def test_without_a_checkpoint_convolutions_start_as_the_authors():
    net = SPNetResNet(50, base_channels=16, stem_channels=32, norm_cfg=BN)
    net.init_weights()
    spm = net.layer4[2].spm
    for conv in (spm.vertical.conv, spm.horizontal.conv, spm.gate, net.layer4[2].conv2):
        fan_out = conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1]
        std = (2 / fan_out) ** 0.5
        assert conv.weight.std().item() == pytest.approx(std, rel=0.05)
    assert net.layer4[2].bn3.weight.all()


@basic_or_bottleneck
def test_frozen_stages_freeze_their_spms(depth):
    net = make(depth, frozen_stages=2)
    net.train()
    for name in spms(net):
        spm, frozen = net.get_submodule(name), name < 'layer3'
        assert all(p.requires_grad != frozen for p in spm.parameters())
        assert spm.vertical.bn.training != frozen
    before = net.layer2[-1].spm.vertical.bn.running_mean.clone()
    net(image(33, 47))
    assert torch.equal(net.layer2[-1].spm.vertical.bn.running_mean, before)


def test_norm_eval_holds_for_the_spms():
    net = make(norm_eval=True)
    net.train()
    assert not net.layer4[0].spm.vertical.bn.training
    assert net.layer4[0].spm.training


@basic_or_bottleneck
def test_recomputing_gives_the_same_gradients(depth):
    plain, saving = make(depth).double(), make(depth, with_cp=True).double()
    x = image(33, 47).double()
    expected, found = trained(plain, x), trained(saving, x)
    assert list(found) == list(expected)
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient, rtol=1e-9, atol=1e-12)


@basic_or_bottleneck
def test_the_output_stride_is_eight(depth):
    net = make(depth)
    shapes = [tuple(level.shape[2:]) for level in net(image(65, 97))]
    assert shapes == [(17, 25), (9, 13), (9, 13), (9, 13)]
