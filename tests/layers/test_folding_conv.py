"""FoldingConvModule: mmcv's numbers, and when it folds."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmcv.cnn import ConvModule, fuse_conv_bn

from mmseg_plugins.layers import FoldingConvModule

BN = dict(type='BN')
ARGUMENTS = {
    '3 x 3': dict(kernel_size=3, padding=1),
    '1 x 1, no activation': dict(kernel_size=1, act_cfg=None),
    'dilated, of stride 2': dict(kernel_size=3, padding=2, dilation=2, stride=2),
    'grouped': dict(kernel_size=3, groups=2),
    'with a bias': dict(kernel_size=3, bias=True),
}


def make(**kwargs) -> tuple[FoldingConvModule, ConvModule]:
    """Build one of ours and mmcv's, with the same weights, in evaluation."""
    torch.manual_seed(0)
    cfg = {**dict(kernel_size=3, norm_cfg=BN), **kwargs}
    ours, host = FoldingConvModule(4, 6, **cfg), ConvModule(4, 6, **cfg)
    for tensor in ours.state_dict().values():
        if tensor.dim() == 1:
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
    host.load_state_dict(ours.state_dict())
    return ours.double().eval(), host.double().eval()


def make_map(side: int = 20) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 4, side, side, dtype=torch.float64)


def folds(module: FoldingConvModule, x: torch.Tensor) -> bool:
    """Say whether the norm is left out, by a norm that cannot be called."""

    def refuse(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError('the norm was called')

    module.norm.forward = refuse
    try:
        module(x)
    except RuntimeError:
        return False
    finally:
        del module.norm.forward
    return True


@pytest.mark.filterwarnings('ignore:Unnecessary conv bias')
@pytest.mark.parametrize('name', ARGUMENTS)
def test_gives_the_numbers_of_mmcvs_module(name):
    ours, host = make(**ARGUMENTS[name])
    x = make_map()
    with torch.no_grad():
        assert folds(ours, x)
        torch.testing.assert_close(ours(x), host(x), rtol=0, atol=1e-13)
        plain = ours(x, activate=False, norm=False)
        assert torch.equal(plain, host(x, activate=False, norm=False))
        host.norm.eps *= 10
        assert (ours(x) - host(x)).abs().max() > 1e-6


@torch.no_grad()
def test_follows_weights_and_statistics_that_change():
    ours, host = make()
    x = make_map()
    before = ours(x)
    for module in (ours, host):
        module.conv.weight.mul_(2)
        module.norm.running_mean.add_(1)
    assert not torch.equal(ours(x), before)
    torch.testing.assert_close(ours(x), host(x), rtol=0, atol=1e-13)


def test_gradients_are_those_of_mmcvs_module():
    ours, host = make()
    x = make_map()
    assert not folds(ours, x)
    for module in (ours, host):
        module(x).square().sum().backward()
    for one, other in zip(ours.parameters(), host.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


@torch.no_grad()
def test_folds_only_where_weights_are_fewer_than_the_maps_numbers():
    module, _ = make(padding=1)  # 6 x 4 x 3 x 3 weights against 2 x 6 x side x side
    assert not folds(module, make_map(4))
    assert folds(module, make_map(5))


@torch.no_grad()
def test_other_norms_convolutions_and_modes_stay_as_they_are():
    x = make_map()
    assert not folds(make(norm_cfg=dict(type='GN', num_groups=2))[0], x)
    assert not folds(make(conv_cfg=dict(type='ConvAWS'))[0], x)
    assert not folds(make()[0].train(), x)
    untracked, host = make(norm_cfg=dict(type='BN', track_running_stats=False))
    assert torch.equal(untracked(x), host(x))
    fused = fuse_conv_bn(make()[0])
    torch.testing.assert_close(fused(x), make()[1](x), rtol=0, atol=1e-13)


@torch.no_grad()
@pytest.mark.parametrize('part', ['conv', 'norm'])
@pytest.mark.parametrize('kind', ['register_forward_hook', 'register_forward_pre_hook'])
def test_hooks_see_the_map_before_and_after_the_norm(part, kind):
    module, _ = make()
    seen = []
    handle = getattr(getattr(module, part), kind)(lambda *args: seen.append(args[1]))
    assert not folds(module, make_map())
    seen.clear()
    module(make_map())
    assert len(seen) == 1
    handle.remove()
    assert folds(module, make_map())


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('gradients', [True, False])
def test_halves_are_those_of_the_output_and_contiguous(layout, gradients):
    module, host = make()
    x = make_map().contiguous(memory_format=layout)
    with torch.set_grad_enabled(gradients):
        halves = module.to(memory_format=layout).halves(x)
        assert all(half.is_contiguous(memory_format=layout) for half in halves)
        assert all(half.requires_grad == gradients for half in halves)
        torch.testing.assert_close(torch.cat(halves, 1), host(x), rtol=0, atol=1e-13)


@torch.no_grad()
def test_threads_may_share_a_module():
    module, host = make()
    maps = [make_map() * i for i in range(40)]
    with ThreadPoolExecutor(8) as threads:
        found = [*threads.map(torch.no_grad()(module), maps)]
    for x, actual in zip(maps, found, strict=True):
        torch.testing.assert_close(actual, host(x), rtol=0, atol=1e-11)
