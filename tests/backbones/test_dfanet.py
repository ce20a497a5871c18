"""DFANet's sub-networks against the plain restatement, and what Figure 3 connects."""

from itertools import accumulate, pairwise

import pytest
import reference.dfanet
import torch
from mmseg.models.utils import resize
from reference.bilinear import aligned_matrix
from reference.dfanet import Network, randomise
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmseg_plugins.backbones import DFANet

BN = dict(type='BN')
every_arch = pytest.mark.parametrize('arch', ['A', 'B'])


def make_net(arch: str = 'B', num_subnets: int = 3, **kwargs: object) -> DFANet:
    torch.manual_seed(num_subnets)
    net = DFANet(arch=arch, num_subnets=num_subnets, **kwargs)
    randomise(net)
    return net.eval()


def random_image(*size: int, batch: int = 1) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, 3, *size, dtype=torch.float64)


def difference(actual: tuple, expected: list) -> float:
    """Return the largest one of all levels, each by its own scale."""
    return max(
        ((a - b).abs().max() / b.abs().max()).item()
        for a, b in zip(actual, expected, strict=True)
    )


def plain(net: DFANet, image: torch.Tensor, arch: str = 'B') -> list[torch.Tensor]:
    weights = {k: v.clone() for k, v in net.state_dict().items()}
    network = Network(weights, net.training)
    return network.backbone(image, arch, len(net.subnets))


@every_arch
@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('num_subnets', [1, 2, 3, 4])
def test_outputs_equal_the_plain_restatement(arch, training, num_subnets):
    net = make_net(arch, num_subnets).train(training)
    # The fourth has a cell per image: with fewer images its norms amplify rounding.
    image = random_image(70, 100, batch=8)
    expected = plain(net, image, arch)
    with torch.no_grad():
        assert difference(net(image), expected) < 1e-10


@pytest.mark.parametrize('training', [False, True])
def test_outputs_with_batch_norm_in_the_attention_equal_the_restatement(training):
    net = make_net(attention_norm_cfg=BN).train(training)
    image = random_image(70, 100, batch=3)
    expected = plain(net, image)
    with torch.no_grad():
        assert difference(net(image), expected) < 1e-10


def swapped(path: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
    return torch.cat([skip, path], 1)


def no_projection(self, x, name, first):
    return torch.zeros((), dtype=x.dtype) if first else x


@pytest.mark.parametrize(
    ('part', 'spoilt'),
    [
        pytest.param('STRIDES', (1, 1, 2), id='stride on the last convolution'),
        pytest.param('STRIDES', (1, 2, 1), id='stride on the middle convolution'),
        pytest.param('concat', swapped, id='concatenated the other way round'),
        pytest.param('bilinear_matrix', aligned_matrix, id='aligned corners'),
        pytest.param('between', torch.relu, id='ReLU after the depthwise half'),
        pytest.param('relu', lambda x: x, id='no ReLU'),
        pytest.param('Network.shortcut', no_projection, id='no projection'),
        pytest.param('Network.attend', lambda self, x, name: x, id='no attention'),
        pytest.param(
            'TABLE_1',
            {'B': {**reference.dfanet.TABLE_1['B'], 'enc3': (5, 16, 16, 64)}},
            id='a block less',
        ),
    ],
)
def test_control_another_reading_differs(part, spoilt, monkeypatch):
    net, image = make_net(), random_image(70, 100)
    owner, _, name = part.rpartition('.')
    module = getattr(reference.dfanet, owner) if owner else reference.dfanet
    monkeypatch.setattr(module, name, spoilt)
    with torch.no_grad():
        assert difference(net(image), plain(net, image)) > 0.01


def test_control_twice_the_channels_do_not_fit(monkeypatch):
    doubled = {'enc2': (4, 8, 8, 16), 'enc3': (6, 16, 16, 32), 'enc4': (4, 32, 32, 64)}
    monkeypatch.setitem(reference.dfanet.TABLE_1, 'B', doubled)
    with pytest.raises(AssertionError):
        plain(make_net(), random_image(33, 47))


def inputs_and_outputs(net: DFANet, image: torch.Tensor) -> list[tuple]:
    """Run the net and return what each sub-network got and gave."""
    seen = []
    hooks = [
        subnet.register_forward_hook(lambda _, args, out: seen.append((args, out)))
        for subnet in net.subnets
    ]
    with torch.no_grad():
        net(image)
    for hook in hooks:
        hook.remove()
    return seen


def test_groups_of_the_upsampled_attention_change_no_number(monkeypatch):
    net, image = make_net(), random_image(70, 100)
    with torch.no_grad():
        whole = net(image)
        monkeypatch.setattr('mmseg_plugins.backbones.dfanet.KEPT_BYTES', 0)
        seen = inputs_and_outputs(net, image)
        in_groups = net(image)
    assert [len(args[0]) for args, _ in seen[1:]] == [5, 5]
    assert difference(in_groups, list(whole)) < 1e-12


@every_arch
def test_a_sub_network_sees_what_figure_3_says(arch):
    seen = inputs_and_outputs(make_net(arch), random_image(70, 100))
    for (_, before), (args, _) in pairwise(seen):
        enc2, enc3, enc4, fca = before
        fine = resize(fca, enc2.shape[2:], None, 'bilinear', False)
        maps, *skips = args
        expected = [torch.cat([fine, enc2], 1), enc3, enc4]
        torch.testing.assert_close(
            [torch.cat(maps, 1), *skips], expected, rtol=0, atol=0
        )


@pytest.mark.parametrize(
    ('subnet', 'path', 'reached'),
    [
        (1, 'fca', {'low2', 'low3', 'high2', 'high3'}),
        (1, 'enc2', {'low2', 'low3', 'high2', 'high3'}),
        (1, 'enc3', {'low3', 'high2', 'high3'}),
        (1, 'enc4', {'low3', 'high2', 'high3'}),
        (2, 'fca', {'low3', 'high3'}),
        (2, 'enc2', {'low3', 'high3'}),
        (2, 'enc3', {'high3'}),
        (2, 'enc4', {'high3'}),
    ],
)
def test_a_path_reaches_the_outputs_that_figure_3_says(subnet, path, reached):
    net, image = make_net(), random_image(128, 192)
    with torch.no_grad():
        before = net(image)

    def perturb(_: nn.Module, args: tuple) -> tuple:
        (*groups, enc2), enc3, enc4 = args
        fca = torch.cat(groups, 1)
        got = dict(fca=fca, enc2=enc2, enc3=enc3, enc4=enc4)
        got[path] = got[path] + 1
        return (got['fca'], got['enc2']), got['enc3'], got['enc4']

    net.subnets[subnet].register_forward_pre_hook(perturb)
    with torch.no_grad():
        after = net(image)
    names = [f'{half}{k}' for half in ('low', 'high') for k in (1, 2, 3)]
    changed = {
        name
        for name, a, b in zip(names, before, after, strict=True)
        if not torch.equal(a, b)
    }
    assert changed == reached


@pytest.mark.parametrize(
    ('arch', 'later', 'growth'),
    [
        (
            'A',
            (24_000, 56_208, 156_768, 385_192),
            (1_658_575_872, 2_421_307_392, 2_612_278_272, 2_660_308_992),
        ),
        (
            'B',
            (11_776, 27_232, 72_768, 257_128),
            (845_146_112, 1_209_978_880, 1_301_379_072, 1_324_421_120),
        ),
    ],
)
def test_parameters_of_sub_networks_and_multiply_adds_of_x1_to_x4(arch, later, growth):
    with torch.device('meta'):
        net = DFANet(arch=arch, num_subnets=4).eval()
        with FlopCounterMode(display=False) as counter:
            net(torch.empty(1, 3, 1024, 1024))
    flops = counter.get_flop_counts()
    each = [sum(flops[f'DFANet.subnets.{k}'].values()) // 2 for k in range(4)]
    assert tuple(accumulate(each)) == growth
    assert counter.get_total_flops() == 2 * growth[-1]
    for subnet in net.subnets[1:]:
        stages = (subnet.enc2, subnet.enc3, subnet.enc4, subnet.fca)
        assert later == tuple(sum(p.numel() for p in s.parameters()) for s in stages)
        assert subnet.conv1 is None


@pytest.mark.parametrize('size', [(1, 1), (17, 16), (33, 47), (713, 713), (720, 960)])
def test_levels_have_ceil_rounded_sizes(size):
    with torch.device('meta'):
        levels = DFANet(arch='A').eval()(torch.empty(1, 3, *size))
    for level, stride in zip(levels, (4, 8, 16, 16, 32, 64), strict=True):
        assert level.shape[1] == (48 if stride < 16 or level is levels[2] else 192)
        assert level.shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))


def test_a_batch_of_one_trains_from_two_cells_on():
    net = make_net().train()
    net(random_image(65, 16))
    net(random_image(17, 16, batch=2))
    with pytest.raises(ValueError, match='more than 1 value per channel'):
        net(random_image(64, 64))


def test_options_reach_every_sub_network():
    net = DFANet(
        arch='B',
        in_channels=4,
        norm_cfg=dict(type='SyncBN'),
        attention_norm_cfg=dict(type='GN', num_groups=4),
        norm_eval=True,
        with_cp=True,
    ).train()
    assert net.subnets[0].conv1.conv.in_channels == 4
    for subnet in net.subnets:
        norms = [m for m in subnet.modules() if isinstance(m, nn.SyncBatchNorm)]
        assert len(norms) == 45 + (subnet is net.subnets[0])
        assert not any(norm.training for norm in norms)
        assert isinstance(subnet.fca.conv.norm, nn.GroupNorm)
        assert subnet.with_cp
    assert sum(isinstance(m, nn.Conv2d) for m in net.modules()) == 265


def test_a_new_network_starts_with_attentions_that_are_the_identity():
    torch.manual_seed(0)
    net = DFANet(arch='B').train()
    net.init_weights()
    for _, (_, _, enc4, fca) in inputs_and_outputs(net, torch.randn(2, 3, 128, 128)):
        torch.testing.assert_close(fca, enc4)
        assert 0.1 < fca.std() < 10
