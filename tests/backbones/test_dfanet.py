"""DFANet against the plain restatement, and its size."""

from itertools import accumulate

import pytest
import reference.dfanet
import torch
from reference.bilinear import aligned_matrix
from reference.dfanet import Network, randomise
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmseg_plugins.backbones import DFANet
from mmseg_plugins.decode_heads import DFAHead

BN = dict(type='BN')
#: Of one to four sub-networks at 1024 x 1024, as in docs/dfanet.md.
MULTIPLY_ADDS = {
    'A': (1_658_575_872, 2_421_307_392, 2_612_278_272, 2_660_308_992),
    'B': (845_146_112, 1_209_978_880, 1_301_379_072, 1_324_421_120),
}
every_arch = pytest.mark.parametrize('arch', ['A', 'B'])


def make_net(arch: str = 'B', num_subnets: int = 3, **kwargs: object) -> DFANet:
    torch.manual_seed(num_subnets)
    net = DFANet(arch=arch, num_subnets=num_subnets, **kwargs)
    randomise(net)
    return net.eval()


def random_image(*size: int, batch: int = 1) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, 3, *size, dtype=torch.float64)


def largest_difference(net: DFANet, image: torch.Tensor, arch: str = 'B') -> float:
    """Compare with the restatement, each level relative to its largest value."""
    weights = {key: value.clone() for key, value in net.state_dict().items()}
    restatement = Network(weights, net.training)
    with torch.no_grad():
        expected = restatement.backbone(image, arch, len(net.subnets))
        return max(
            ((a - b).abs().max() / b.abs().max()).item()
            for a, b in zip(net(image), expected, strict=True)
        )


@every_arch
@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize(
    ('num_subnets', 'norm_cfg'), [(1, None), (2, None), (3, None), (4, None), (3, BN)]
)
def test_outputs_equal_the_plain_restatement(arch, training, num_subnets, norm_cfg):
    net = make_net(arch, num_subnets, attention_norm_cfg=norm_cfg).train(training)
    # The fourth has one cell per image: a small batch would amplify rounding errors.
    image = random_image(70, 100, batch=8)
    assert largest_difference(net, image, arch) < 1e-10


def no_projection(self, x, name, first):
    return torch.zeros((), dtype=x.dtype) if first else x


@pytest.mark.parametrize(
    ('part', 'replacement'),
    [
        pytest.param('STRIDES', (1, 1, 2), id='stride on the last convolution'),
        pytest.param('STRIDES', (1, 2, 1), id='stride on the middle convolution'),
        pytest.param('concat', lambda x, y: torch.cat([y, x], 1), id='other order'),
        pytest.param('bilinear_matrix', aligned_matrix, id='aligned corners'),
        pytest.param('after_depthwise', torch.relu, id='ReLU after the depthwise half'),
        pytest.param('relu', lambda x: x, id='no ReLU'),
        pytest.param('Network.shortcut', no_projection, id='no projection'),
        pytest.param('Network.attend', lambda self, x, name: x, id='no attention'),
        pytest.param('NUM_BLOCKS', (4, 5, 4), id='fewer blocks'),
    ],
)
def test_control_another_reading_differs(part, replacement, monkeypatch):
    owner, _, name = part.rpartition('.')
    module = getattr(reference.dfanet, owner) if owner else reference.dfanet
    monkeypatch.setattr(module, name, replacement)
    assert largest_difference(make_net(), random_image(70, 100)) > 0.01


@pytest.mark.parametrize(
    ('arch', 'channels', 'parameters'),
    [('A', (48, 192), 1_842_843), ('B', (32, 128), 1_109_115)],
)
def test_parameters_with_the_head(arch, channels, parameters):
    low, high = channels
    levels = dict(in_channels=[low] * 3 + [high] * 3, in_index=list(range(6)))
    with torch.device('meta'):
        network = DFANet(arch=arch), DFAHead(**levels, num_classes=19)
    assert sum(p.numel() for m in network for p in m.parameters()) == parameters


@every_arch
def test_multiply_adds_of_one_to_four_sub_networks(arch):
    with torch.device('meta'):
        net = DFANet(arch=arch, num_subnets=4).eval()
        with FlopCounterMode(display=False) as counter:
            net(torch.empty(1, 3, 1024, 1024))
    flops = counter.get_flop_counts()
    names = ['DFANet.conv1', *(f'DFANet.subnets.{k}' for k in range(4))]
    _, *totals = accumulate(sum(flops[name].values()) // 2 for name in names)
    assert tuple(totals) == MULTIPLY_ADDS[arch]


@pytest.mark.parametrize('size', [(1, 1), (17, 16), (33, 47), (713, 713), (720, 960)])
def test_sizes_of_the_levels_are_rounded_up(size):
    with torch.device('meta'):
        levels = DFANet(arch='A').eval()(torch.empty(1, 3, *size))
    strides, widths = (4, 8, 16, 16, 32, 64), (48, 48, 48, 192, 192, 192)
    for level, stride, width in zip(levels, strides, widths, strict=True):
        rows, columns = (-(-length // stride) for length in size)
        assert level.shape == (1, width, rows, columns)


def test_a_batch_of_one_trains_if_no_level_is_a_single_cell():
    net = make_net().train()
    net(random_image(65, 16))
    net(random_image(17, 16, batch=2))
    with pytest.raises(ValueError, match='more than 1 value per channel'):
        net(random_image(64, 64))


def test_options_reach_every_sub_network():
    norms = dict(norm_cfg=dict(type='SyncBN'), attention_norm_cfg=BN)
    net = DFANet(in_channels=4, norm_eval=True, with_cp=True, **norms).train()
    assert net.conv1.conv.in_channels == 4
    sync_norms = [m for m in net.modules() if isinstance(m, nn.SyncBatchNorm)]
    assert len(sync_norms) == 1 + 3 * 45
    assert not any(norm.training for norm in sync_norms)
    for subnet in net.subnets:
        assert isinstance(subnet.fca.conv.norm, nn.BatchNorm2d)
        assert subnet.with_cp


@every_arch
def test_attentions_start_as_the_identity_and_features_keep_their_scale(arch):
    torch.manual_seed(0)
    net = DFANet(arch=arch).train()
    net.init_weights()
    for subnet in net.subnets:
        assert not subnet.fca.conv.conv.weight.any()
        assert (subnet.fca.conv.conv.bias == 1).all()
    for level in net(torch.randn(2, 3, 128, 128)):
        assert 0.1 < level.std() < 10
