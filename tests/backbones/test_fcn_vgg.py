"""FCNVGG: its levels, its frozen stages, its memory."""

import pytest
import torch

from mmseg_plugins.backbones import FCNVGG, FCNAlexNet
from mmseg_plugins.backbones.fcn_vgg import VGG_STAGES
from tests.reference.fcn import features


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


def test_frozen_stages_neither_train_nor_update_their_norm():
    net = make_net(norm_cfg=dict(type='BN'), frozen_stages=2).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    sum(level.sum() for level in net(torch.randn(2, 3, 64, 64))).backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == name.startswith(('conv1', 'conv2')), name
    changed = [k for k, v in net.state_dict().items() if not torch.equal(v, before[k])]
    assert changed
    assert not [k for k in changed if k.startswith(('conv1', 'conv2'))]


def test_with_cp_gives_the_same_gradients_and_keeps_less_for_them():
    torch.manual_seed(0)
    net = make_net(dropout_ratio=0.0).double().train()
    image = torch.randn(2, 3, 40, 56, dtype=torch.float64)
    gradients, numbers_kept = [], []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        numbers_kept[-1] += tensor.numel()
        return tensor

    for net.with_cp in (False, True):
        net.zero_grad()
        numbers_kept.append(0)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            levels = net(image)
        sum(level.square().sum() for level in levels).backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)
    assert numbers_kept[1] < numbers_kept[0] / 2


@pytest.mark.parametrize('make', [FCNVGG, FCNAlexNet])
def test_dropout_drops_elements_not_channels(make):
    torch.manual_seed(0)
    net = make(base_channels=6, fc_channels=12).train()
    torch.nn.init.constant_(net.fc7.conv.bias, 99)  # so that nothing else is zero
    dropped = (net(torch.randn(1, 3, 224, 224))[-1] == 0).float().mean((2, 3))
    assert ((dropped > 0) & (dropped < 1)).all()
