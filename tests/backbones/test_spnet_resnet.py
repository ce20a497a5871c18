"""SPNetResNet against the authors' form and mmseg's ResNet."""

import pytest
import torch
from mmseg.models.backbones import ResNet
from mmseg.models.decode_heads import FCNHead
from torch.utils.flop_counter import FlopCounterMode

from mmseg_plugins.backbones import SPNetResNet
from mmseg_plugins.decode_heads import StripPoolingHead
from mmseg_plugins.layers import StripPooling
from tests.decode_heads.comparison import relative_difference
from tests.reference.spnet import SPNet

BN = dict(type='BN')
SLIM = dict(base_channels=4, stem_channels=8, norm_cfg=BN)
PAPER = dict(open_gates=False)  # an open gate would hide the strips
STOCK = dict(  # arguments of mmseg's ResNet for the same network without SPMs
    strides=(1, 2, 1, 1),
    dilations=(1, 1, 2, 4),
    multi_grid=(4, 8, 16),
    contract_dilation=True,
    deep_stem=True,
)
basic_and_bottleneck = pytest.mark.parametrize('depth', [18, 50])


def make(depth: int = 50, cls: type = SPNetResNet, **kwargs) -> torch.nn.Module:
    torch.manual_seed(0)
    net = cls(depth, **{**SLIM, **kwargs})
    for tensor in net.state_dict().values():
        if tensor.dim() == 1:
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
    return net.double()


def spms(net: torch.nn.Module) -> dict[str, StripPooling]:
    return {n: m for n, m in net.named_modules() if isinstance(m, StripPooling)}


def image(*size: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, *size, dtype=torch.float64)


def gradients(net: torch.nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    sum(level.square().mean() for level in net(x)).backward()
    return {k: p.grad for k, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize('depth', [50, 101])
@pytest.mark.parametrize('deviation', ['', 'no multi-grid', 'swapped strips'])
def test_equals_the_authors_form(depth, deviation):
    net, x = make(depth, **PAPER).eval(), image(97, 53)
    with torch.no_grad():
        actual = net(x)
        expected = SPNet(net.state_dict(), False, deviation).backbone(x, depth)
    differences = list(map(relative_difference, actual, expected))
    if deviation:  # control
        assert differences[-1] > 1e-3
    else:
        assert max(differences) < 1e-12


@basic_and_bottleneck
def test_without_spms_it_is_mmsegs_resnet_of_stride_8(depth):
    ours, stock = make(depth, spm_blocks=[()] * 4), make(depth, ResNet, **STOCK)
    ours.load_state_dict(stock.state_dict())
    x = image(65, 97)
    actual, expected = gradients(ours, x), gradients(stock, x)
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)
    levels = ours(x)
    torch.testing.assert_close(levels, stock(x), rtol=0, atol=0)
    sizes = [tuple(level.shape[2:]) for level in levels]
    assert sizes == [(17, 25), (9, 13), (9, 13), (9, 13)]


@pytest.mark.parametrize(
    ('depth', 'parameters', 'giga_multiply_adds'),
    [(50, 47_838_124, (162.72, 172.54)), (101, 66_830_252, (240.30, 250.12))],
)
def test_size_and_cost_are_the_authors(depth, parameters, giga_multiply_adds):
    common = dict(num_classes=150, norm_cfg=BN)
    kwargs = dict(in_channels=1024, in_index=2, num_convs=1, concat_input=False)
    costs = []
    with torch.device('meta'), FlopCounterMode(display=False) as counter:
        net = SPNetResNet(depth, norm_cfg=BN).eval()
        head = StripPoolingHead(in_channels=2048, in_index=3, **common).eval()
        auxiliary_head = FCNHead(channels=256, **kwargs, **common).eval()
        levels = net(torch.empty(1, 3, 512, 512))
        for module in (head, auxiliary_head):
            module(levels)
            costs.append(round(counter.get_total_flops() / 2e9, 2))
    network = net, head, auxiliary_head
    assert sum(p.numel() for m in network for p in m.parameters()) == parameters
    assert tuple(costs) == giga_multiply_adds


@pytest.mark.parametrize('depth', [18, 34, 50, 101, 152])
def test_spms_are_in_the_last_block_of_each_stage_and_all_of_the_last(depth):
    with torch.device('meta'):
        net = SPNetResNet(depth)
    last = [f'layer{i + 1}.{n - 1}.spm' for i, n in enumerate(net.stage_blocks[:3])]
    layer4 = [f'layer4.{block}.spm' for block in range(len(net.layer4))]
    assert list(spms(net)) == last + layer4
    widths = [spm.gate.in_channels for spm in spms(net).values()]
    assert widths[:3] + widths[-1:] == [64, 128, 256, 512]


@basic_and_bottleneck
def test_spm_blocks_choose_the_blocks_with_an_spm(depth):
    net = make(depth, spm_blocks=([0, 1], 'all', 'last', ()))
    layer2 = [f'layer2.{i}.spm' for i in range(net.stage_blocks[1])]
    last = f'layer3.{net.stage_blocks[2] - 1}.spm'
    assert list(spms(net)) == ['layer1.0.spm', 'layer1.1.spm', *layer2, last]


def test_the_spm_gates_the_input_of_a_basic_blocks_second_convolution():
    net, inputs = make(18).eval(), {}
    block = net.layer4[0]
    for layer in (block.spm, block.conv2):
        layer.register_forward_hook(lambda m, args, out: inputs.update({m: args[0]}))
    net(image(33, 47))
    assert inputs[block.spm].min() == 0  # it comes after a ReLU
    assert torch.equal(inputs[block.conv2], block.spm(inputs[block.spm]))


@basic_and_bottleneck
@pytest.mark.parametrize('stem', [dict(stem_channels=4), dict(deep_stem=False)])
def test_a_checkpoint_of_mmsegs_resnet_loads(depth, stem, tmp_path):
    stock = make(depth, ResNet, **{**STOCK, **stem}).float()
    torch.save(dict(state_dict=stock.state_dict()), tmp_path / 'stock.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'stock.pth'))
    net = SPNetResNet(depth, **{**SLIM, **stem}, init_cfg=init)
    net.init_weights()
    loaded = {k: v for k, v in net.state_dict().items() if '.spm.' not in k}
    torch.testing.assert_close(loaded, dict(stock.state_dict()), rtol=0, atol=0)
    assert all(torch.all(spm.gate.bias == 3) for spm in spms(net).values())


def test_without_a_checkpoint_convolutions_start_as_the_authors():
    net = SPNetResNet(50, base_channels=16, stem_channels=32, norm_cfg=BN, **PAPER)
    net.init_weights()
    spm, conv2 = net.layer4[2].spm, net.layer4[2].conv2
    for conv in (spm.vertical.conv, spm.horizontal.conv, spm.gate, conv2):
        fan_out = conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1]
        std = conv.weight.std().item()
        assert std == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    assert net.layer4[2].bn3.weight.all()


@basic_and_bottleneck
def test_spms_train_in_frozen_stages_and_follow_norm_eval(depth):
    net = make(depth, frozen_stages=4).train()
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    assert trained == {n for n, _ in net.named_parameters() if '.spm.' in n}
    assert all(spm.vertical.bn.training for spm in spms(net).values())
    assert not any(spm.vertical.bn.training for spm in spms(net.eval()).values())
    for spm in spms(make(depth, norm_eval=True).train()).values():
        assert spm.training
        assert not spm.vertical.bn.training


@basic_and_bottleneck
def test_with_cp_gives_the_same_gradients_and_runs_the_spms_twice(depth):
    x, calls = image(33, 47), []
    expected, net = gradients(make(depth), x), make(depth, with_cp=True)
    net.layer4[0].spm.register_forward_hook(lambda *_: calls.append(1))
    torch.testing.assert_close(gradients(net, x), expected, rtol=1e-9, atol=1e-12)
    assert len(calls) == 2
