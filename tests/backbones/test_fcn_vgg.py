"""FCNVGG against the plain restatement, and its dropout."""

import pytest
import torch

from mmseg_plugins.backbones import FCNVGG, FCNAlexNet
from mmseg_plugins.backbones.fcn_vgg import VGG_STAGES
from tests.reference.fcn import features

pytestmark = pytest.mark.one_line


def make_net(depth: int = 16, **kwargs) -> FCNVGG:
    return FCNVGG(depth=depth, base_channels=4, fc_channels=12, **kwargs)


@pytest.mark.parametrize('pad', [1, 100])
@pytest.mark.parametrize('depth', VGG_STAGES)
def test_levels_equal_the_plain_restatement(depth, pad):
    torch.manual_seed(0)
    net = make_net(depth, out_indices=(0, 1, 2, 3, 4), pad=pad).double().eval()
    weights = {
        name: (layer.conv.weight, layer.conv.bias)
        for name, layer in net.named_children()
        if name != 'dropout'
    }
    image = torch.randn(2, 3, 50, 75, dtype=torch.float64)
    pools = features(image, weights, VGG_STAGES[depth], pad)
    with torch.no_grad():
        levels = net(image)
    expected = (*pools[:4], pools[5])
    torch.testing.assert_close(levels, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('make', [FCNVGG, FCNAlexNet])
def test_dropout_drops_elements_not_channels(make):
    torch.manual_seed(0)
    net = make(base_channels=6, fc_channels=12).train()
    torch.nn.init.constant_(net.fc7.conv.bias, 99)  # so that nothing else is zero
    dropped = (net(torch.randn(1, 3, 224, 224))[-1] == 0).float().mean((2, 3))
    assert ((dropped > 0) & (dropped < 1)).all()
