"""FoldingConvModule: mmcv's numbers, and when it folds."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmcv.cnn import ConvModule, fuse_conv_bn
from mmengine.model import revert_sync_batchnorm
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

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
    """Say whether the module's norm is left out of a pass."""
    with TorchFunctions() as called:
        module(x)
    assert functional.conv2d in called
    return not {functional.batch_norm, functional.group_norm} & {*called}


class TorchFunctions(TorchFunctionMode):
    """Lists what is called of torch."""

    def __enter__(self) -> list:
        super().__enter__()
        self.called: list = []
        return self.called

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.called.append(function)
        return function(*args, **(kwargs or {}))


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


def test_folds_in_inference_mode_and_in_half_precision():
    module, host = make()
    x = make_map()
    with torch.inference_mode():
        assert folds(module, x)
        torch.testing.assert_close(module(x), host(x), rtol=0, atol=1e-13)
        for dtype in (torch.bfloat16, torch.float16):
            half, other = module.to(dtype)(x.to(dtype)), host.to(dtype)(x.to(dtype))
            assert half.dtype == dtype
            torch.testing.assert_close(half, other, rtol=0.05, atol=0.05)


@torch.no_grad()
def test_other_norms_convolutions_and_modes_stay_as_they_are():
    x = make_map()
    assert not folds(make(norm_cfg=dict(type='GN', num_groups=2))[0], x)
    assert not folds(make(conv_cfg=dict(type='ConvAWS'))[0], x)
    assert not folds(make(order=('conv', 'act', 'norm'))[0], x)
    reflecting, host = make(padding=1, padding_mode='reflect')
    assert not folds(reflecting, x)
    assert torch.equal(reflecting(x), host(x))
    assert not folds(make()[0].train(), x)
    untracked, host = make(norm_cfg=dict(type='BN', track_running_stats=False))
    assert torch.equal(untracked(x), host(x))
    assert not folds(make()[0].to('meta'), x.to('meta'))  # as on a GPU
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
    assert len(seen) == 1
    handle.remove()
    assert folds(module, make_map())


@torch.no_grad()
@pytest.mark.parametrize('kind', ['forward_hook', 'forward_pre_hook'])
def test_hooks_of_all_modules_see_the_convolution_and_the_norm(kind):
    module, _ = make()
    seen = []
    register = getattr(nn.modules.module, f'register_module_{kind}')
    handle = register(lambda each, *_: seen.append(each))
    assert not folds(module, make_map())
    handle.remove()
    assert {module, module.conv, module.norm} <= {*seen}
    assert folds(module, make_map())


@torch.no_grad()
def test_a_hook_of_the_module_sees_its_halves():
    module, _ = make()
    seen = []
    module.register_forward_hook(lambda *args: seen.append(args[2]))
    module.halves(make_map())
    assert [x.shape for x in seen] == [(2, 6, 18, 18)]


@torch.no_grad()
def test_a_replaced_forward_is_called():
    """As adapters do it, and those who keep weights elsewhere."""
    module, host = make()
    plain = module.conv.forward
    module.conv.forward = lambda x: plain(x) + 1
    host.conv.bias = nn.Parameter(torch.ones(6, dtype=torch.float64))
    x = make_map()
    torch.testing.assert_close(module(x), host(x), rtol=0, atol=1e-13)


class ClampedNorm(nn.BatchNorm2d):
    """A norm with more to it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).clamp(max=0.5)


@torch.no_grad()
def test_a_norm_that_does_more_is_not_folded():
    module, _ = make(act_cfg=None)
    module.norm.__class__ = ClampedNorm
    assert not folds(module, make_map())
    assert module(make_map()).max() == 0.5


@torch.no_grad()
def test_a_synchronised_norm_is_folded_and_so_is_what_it_is_reverted_to():
    module, host = make(norm_cfg=dict(type='SyncBN'))
    host = revert_sync_batchnorm(host)
    x = make_map()
    for each in (module, revert_sync_batchnorm(copy.deepcopy(module))):
        assert folds(each, x)
        torch.testing.assert_close(each(x), host(x), rtol=0, atol=1e-13)


@torch.no_grad()
def test_folded_weights_are_none_that_autocast_keeps():
    """It keeps a copy of each parameter until its end: one more in every pass."""
    module, _ = make()
    assert not any(tensor.requires_grad for tensor in module._folded())


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
def test_halves_of_groups_are_those_of_the_output():
    module, host = make(groups=2)
    x = make_map()
    halves = torch.cat(module.halves(x), 1)
    torch.testing.assert_close(halves, host(x), rtol=0, atol=1e-13)


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_traced_halves_are_not_copied(layout):
    class Halves(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, _ = make()

        def forward(self, x):
            return self.conv.halves(x)

    x = make_map().contiguous(memory_format=layout)
    graph = torch.export.export(Halves(), (x,)).graph
    assert not [node for node in graph.nodes if 'clone' in node.name]


@torch.no_grad()
def test_threads_may_share_a_module():
    module, host = make()
    maps = [make_map() * i for i in range(40)]
    with ThreadPoolExecutor(8) as threads:
        found = [*threads.map(torch.no_grad()(module), maps)]
    for x, actual in zip(maps, found, strict=True):
        torch.testing.assert_close(actual, host(x), rtol=0, atol=1e-11)
