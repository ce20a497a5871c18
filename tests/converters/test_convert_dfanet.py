"""A classifier's weights do in every sub-network what they did in the classifier."""

import logging

import pytest
import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_plugins.converters import convert_dfanet
from tests.converters.test_encnet_spnet import trained

pytestmark = pytest.mark.one_line

WIDTHS = {'A': (48, 96, 192), 'B': (32, 64, 128)}
every_arch = pytest.mark.parametrize('arch', WIDTHS)
#: The weights of a stage's first block that depend on its input channels.
CHANGED = (
    'conv1.depthwise_conv.conv.weight',
    'conv1.pointwise_conv.conv.weight',
    'shortcut.conv.weight',
)


def backbone(arch: str) -> nn.Module:
    """The classifier's backbone in float64, with statistics as after a training."""
    torch.manual_seed(0)
    cfg = dict(type=f'mmseg_plugins.Xception{arch}', out_indices=(2,))
    return trained(MODELS.build(cfg))


def classifier(arch: str, classes: int = 1000) -> dict[str, Tensor]:
    """State dict of mmpretrain's ImageClassifier with that backbone."""
    weights = {f'backbone.{k}': v for k, v in backbone(arch).state_dict().items()}
    fc = nn.Linear(WIDTHS[arch][-1], classes).double()
    return weights | {f'head.fc.{k}': v for k, v in fc.state_dict().items()}


def converted_dfanet(arch: str, num_subnets: int = 3) -> tuple[nn.Module, set[str]]:
    """A DFANet with the classifier's weights, and the keys that it keeps."""
    cfg = dict(type='mmseg_plugins.DFANet', arch=arch, num_subnets=num_subnets)
    net = MODELS.build(cfg).double().eval()
    weights = convert_dfanet(classifier(arch), num_subnets)
    weights = {key.removeprefix('backbone.'): value for key, value in weights.items()}
    keys = net.load_state_dict(weights, strict=False)
    assert keys.unexpected_keys == []
    return net, set(keys.missing_keys)


@every_arch
@pytest.mark.parametrize('num_subnets', [1, 3])
def test_the_log_names_what_the_network_keeps(arch, num_subnets, caplog):
    caplog.set_level(logging.INFO)
    _, missing = converted_dfanet(arch, num_subnets)
    fca = [f'fca.conv.conv.{slot}' for slot in ('weight', 'bias')]
    enc2 = [f'enc2.0.{name}' for name in CHANGED]
    expected = {
        f'subnets.{i}.{name}'
        for i in range(num_subnets)
        for name in (fca + enc2 if i else fca)
    }
    assert missing == expected
    assert set(caplog.messages[-1].split(' of ')[1].split(', ')) == expected


@every_arch
@torch.no_grad()
def test_every_subnetwork_does_what_the_classifier_does(arch):
    net, _ = converted_dfanet(arch)
    weights = classifier(arch)
    image = torch.randn(2, 3, 65, 90, dtype=torch.float64)
    enc4 = net.subnets[0](net.conv1(image))[2]
    assert torch.equal(enc4, backbone(arch)(image)[0])
    means = enc4.mean((2, 3))
    scores = means @ weights['head.fc.weight'].T + weights['head.fc.bias']
    for subnet in net.subnets:
        torch.testing.assert_close(subnet.fca.fc(means), scores)


@every_arch
@pytest.mark.parametrize('stage', [3, 4])
@torch.no_grad()
def test_a_widened_stage_starts_as_the_classifiers_whatever_the_skip(arch, stage):
    net, _ = converted_dfanet(arch)
    own, skip = WIDTHS[arch][stage - 3 : stage - 1]
    x = torch.randn(2, own, 9, 12, dtype=torch.float64)
    other = torch.randn(2, skip, 9, 12, dtype=torch.float64)
    expected = getattr(net.subnets[0], f'enc{stage}')(x)
    for subnet in net.subnets[1:]:
        actual = getattr(subnet, f'enc{stage}')(torch.cat([x, other], 1))
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
        swapped = getattr(subnet, f'enc{stage}')(torch.cat([other, x], 1))
        assert (swapped - expected).abs().max() > 1e-3  # control: the order counts


@every_arch
def test_a_widened_stage_learns_to_use_the_skip(arch):
    stage = converted_dfanet(arch)[0].subnets[1].enc3.train()
    own, skip = WIDTHS[arch][:2]
    x = torch.randn(2, own + skip, 9, 12, dtype=torch.float64)
    stage(x)[:, ::3].sum().backward()
    pointwise = stage[0].conv1.pointwise_conv.conv.weight.grad[:, own:]
    assert (pointwise.abs().amax((1, 2, 3)) > 0).all()


def test_other_shapes_and_numbers_are_refused():
    with pytest.raises(ValueError, match=r'fca\.fc\.weight is \(10, .*\(1000, 128'):
        convert_dfanet(classifier('B', classes=10))
    with pytest.raises(ValueError, match='num_subnets=0: must be at least 1'):
        convert_dfanet(classifier('B'), num_subnets=0)
