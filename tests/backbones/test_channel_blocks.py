"""A DFANet in whole blocks of channels computes what it did before."""

import copy

import pytest
import torch
from mmcv.cnn import fuse_conv_bn
from torch import nn

from mmseg_plugins.backbones import DFANet, FCNAlexNet, XceptionA, XceptionB
from mmseg_plugins.backbones.channel_blocks import BLOCK, fill_channel_blocks

NETS = {
    'A': lambda: DFANet(arch='A'),
    'B': lambda: DFANet(arch='B', num_subnets=2, attention_norm_cfg=dict(type='BN')),
    'Xception A': XceptionA,
    'Xception B without attention': lambda: XceptionB(out_indices=(0, 2)),
}


def fused(name: str) -> nn.Module:
    torch.manual_seed(0)
    net = NETS[name]().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if isinstance(module, (nn.BatchNorm2d, nn.Linear)):
            nn.init.normal_(module.bias, std=0.2)
    return fuse_conv_bn(net).double()


@pytest.mark.parametrize('name', NETS)
@torch.no_grad()
def test_the_outputs_stay(name):
    net = fused(name)
    x = torch.randn(1, 3, 65, 98).double()
    expected = net(x)
    filled = fill_channel_blocks(copy.deepcopy(net))
    for before, after in zip(expected, filled(x), strict=True):
        torch.testing.assert_close(after, before, rtol=1e-10, atol=0)
    for each in (net, filled):  # control: it is the zeros that keep them
        for parameter in each.parameters():
            parameter += 0.01
    assert not torch.allclose(filled(x)[-1], net(x)[-1], rtol=1e-3)


@pytest.mark.parametrize('name', NETS)
def test_every_map_is_of_whole_blocks(name):
    net = fused(name)
    assert any(m.out_channels % BLOCK for m in net.modules() if is_conv(m))
    fill_channel_blocks(net)
    for module in net.modules():
        if is_conv(module):
            assert module.out_channels % BLOCK == 0
            assert module.in_channels % BLOCK == 0 or module.in_channels in (3, 1000)
            groups = module.groups
            assert module.weight.shape[:2] == (
                module.out_channels,
                module.in_channels // groups,
            )


def is_conv(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d)


def test_a_second_time_changes_nothing():
    net = fill_channel_blocks(fused('Xception A'))
    shapes = {name: p.shape for name, p in net.named_parameters()}
    fill_channel_blocks(net)
    assert {name: p.shape for name, p in net.named_parameters()} == shapes


def test_mistakes_are_told():
    with pytest.raises(ValueError, match=r'call mmcv\.cnn\.fuse_conv_bn on it first'):
        fill_channel_blocks(XceptionA())
    with pytest.raises(ValueError, match='FCNAlexNet has no DFANet or Xception in it'):
        fill_channel_blocks(FCNAlexNet())
