"""FCNVGG: its levels, its frozen stages, its memory."""

import pytest
import torch
from reference.fcn import features

from mmseg_plugins.backbones import FCNVGG
from mmseg_plugins.backbones.fcn_vgg import VGG_STAGES


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


@pytest.mark.parametrize('size', [(1, 1), (31, 33), (97, 224)])
def test_levels_have_sizes_that_are_rounded_up(size):
    net = make_net(11, out_indices=(0, 1, 2, 3, 4)).eval()
    levels = net(torch.randn(1, 3, *size))
    for level, stride in zip(levels, (2, 4, 8, 16, 32), strict=True):
        assert level.shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))


def test_frozen_stages_neither_train_nor_update_their_norm():
    net = make_net(norm_cfg=dict(type='BN'), frozen_stages=2).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    sum(level.sum() for level in net(torch.randn(2, 3, 64, 64))).backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == name.startswith(('conv1', 'conv2')), name
    changed = [k for k, v in net.state_dict().items() if not torch.equal(v, before[k])]
    assert changed
    assert not [k for k in changed if k.startswith(('conv1', 'conv2'))]


def test_with_cp_gives_the_same_gradients():
    torch.manual_seed(0)
    net = make_net(dropout_ratio=0.0).double().train()
    image = torch.randn(2, 3, 40, 56, dtype=torch.float64)
    gradients = []
    for net.with_cp in (False, True):
        net.zero_grad()
        sum(level.square().sum() for level in net(image)).backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_with_cp_keeps_less_for_the_backward_pass():
    def numbers_kept(with_cp: bool) -> int:
        sizes = []

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        net = make_net(with_cp=with_cp).train()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            net(torch.randn(1, 3, 64, 64))
        return sum(sizes)

    assert numbers_kept(with_cp=True) < numbers_kept(with_cp=False) / 2


def test_dropout_drops_elements_not_channels():
    torch.manual_seed(0)
    level = make_net(out_indices=(4,)).train()(torch.randn(1, 3, 224, 224))[0]
    per_channel = (level == 0).flatten(2).float().mean(2)
    assert ((per_channel > 0) & (per_channel < 1)).any()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (dict(depth=12), 'depth=12: must be 11, 13, 16 or 19'),
        (dict(out_indices=(4, 2)), r'out_indices=\(4, 2\): must be in ascending'),
        (dict(out_indices=(2, 3)), r'out_indices=\(2, 3\): must be in ascending'),
        (dict(pad=3), 'pad=3: must be 1, or 100'),
        (dict(frozen_stages=6), 'frozen_stages=6: must be from -1'),
    ],
)
def test_an_argument_out_of_its_range_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        make_net(**arguments)
