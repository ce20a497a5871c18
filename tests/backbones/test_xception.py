"""The light Xceptions against the plain restatement."""

import pytest
import torch
from torch import nn

from mmseg_plugins.backbones import XceptionA, XceptionB
from mmseg_plugins.backbones.xception import FCAttention
from tests.reference.dfanet import Network, randomise

pytestmark = pytest.mark.one_line

ARCHS = {'A': XceptionA, 'B': XceptionB}
BN = dict(type='BN')
every_arch = pytest.mark.parametrize('arch', ARCHS)


def make_net(arch: str = 'B', **kwargs: object) -> nn.Module:
    torch.manual_seed(0)
    net = ARCHS[arch](**kwargs)
    randomise(net)
    return net


def random_image(batch: int, height: int, width: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, 3, height, width, dtype=torch.float64)


@every_arch
@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('attention_norm_cfg', [None, BN])
def test_outputs_equal_the_plain_restatement(arch, training, attention_norm_cfg):
    net = make_net(arch, attention_norm_cfg=attention_norm_cfg).train(training)
    image = random_image(2, 50, 75)
    # An Xception is the first sub-network of a DFANet.
    state = net.state_dict().items()
    weights = {key.replace('subnet.', 'subnets.0.'): v.clone() for key, v in state}
    low, high = Network(weights, training).backbone(image, arch, 1)
    with torch.no_grad():
        levels = net(image)
    torch.testing.assert_close(levels[0], low, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(levels[3], high, rtol=1e-10, atol=1e-10)
    c2, c3, c4 = net.channels
    shapes = [(c2, 13, 19), (c3, 7, 10), (c4, 4, 5), (c4, 4, 5)]  # rounded up
    assert [tuple(level.shape[1:]) for level in levels] == shapes


@pytest.mark.parametrize(
    ('arch', 'stages', 'attention'),
    [('A', (7_992, 43_824, 108_960), 385_192), ('B', (4_328, 21_536, 51_136), 257_128)],
)
def test_parameter_counts(arch, stages, attention):
    net = ARCHS[arch]()
    layers = (net.conv1, *net.subnet.children())
    counts = [sum(p.numel() for p in layer.parameters()) for layer in layers]
    assert counts == [232, *stages, attention]


def test_out_indices_choose_outputs_and_build_no_unused_layer():
    complete, image = make_net().eval(), random_image(1, 40, 40)
    net = make_net(out_indices=(0, 2)).eval()
    assert not any(isinstance(m, FCAttention) for m in net.modules())
    net.load_state_dict(complete.state_dict(), strict=False)
    with torch.no_grad():
        enc2, _, enc4, _ = complete(image)
        torch.testing.assert_close(net(image), (enc2, enc4), rtol=0, atol=0)
    sum(x.square().sum() for x in net.train()(image)).backward()
    assert all(p.grad.any() for p in net.parameters())


@pytest.mark.parametrize('norm_cfg', [None, BN])
def test_the_attention_starts_as_the_identity_and_learns(norm_cfg):
    torch.manual_seed(0)
    attention, x = FCAttention(8, norm_cfg).train(), torch.randn(4, 8, 5, 5)
    y = attention(x)
    torch.testing.assert_close(y, x)
    (y * torch.randn_like(y)).sum().backward()
    assert (attention.conv.norm or attention.conv.conv).weight.grad.any()
