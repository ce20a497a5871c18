"""DFANet against the plain restatement, and its size."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import tests.reference.dfanet
from mmseg_plugins.backbones import DFANet
from mmseg_plugins.decode_heads import DFAHead
from tests.reference.bilinear import aligned_matrix
from tests.reference.dfanet import Network, randomise

pytestmark = pytest.mark.one_line

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
    module = getattr(tests.reference.dfanet, owner) if owner else tests.reference.dfanet
    monkeypatch.setattr(module, name, replacement)
    assert largest_difference(make_net(), random_image(70, 100)) > 0.01


@pytest.mark.parametrize(
    ('arch', 'low', 'high', 'parameters', 'multiply_adds'),
    [
        ('A', 48, 192, 1_842_843, 3_290_706_944),
        ('B', 32, 128, 1_109_115, 1_869_707_264),
    ],
)
def test_size_and_cost_with_the_head(arch, low, high, parameters, multiply_adds):
    channels = [low] * 3 + [high] * 3
    with torch.device('meta'), FlopCounterMode(display=False) as counter:
        net = DFANet(arch=arch).eval()
        head = DFAHead(in_channels=channels, in_index=list(range(6)), num_classes=19)
        head(net(torch.empty(1, 3, 1024, 1024)))
    assert sum(p.numel() for m in (net, head) for p in m.parameters()) == parameters
    assert counter.get_total_flops() == 2 * multiply_adds


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
