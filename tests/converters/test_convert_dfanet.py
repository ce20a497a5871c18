"""A classifier's weights do in every sub-network what they did in the classifier."""

import logging

import pytest
import torch
from mmseg.registry import MODELS
from segmentors import trained
from torch import Tensor, nn

from mmseg_plugins.converters import CONVERTERS, convert_dfanet

WIDTHS = {'A': (48, 96, 192), 'B': (32, 64, 128)}
every_arch = pytest.mark.parametrize('arch', WIDTHS)
#: What of the first block of a stage depends on the channels that it is given.
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


def dfanet(arch: str, num_subnets: int = 3) -> nn.Module:
    cfg = dict(type='mmseg_plugins.DFANet', arch=arch, num_subnets=num_subnets)
    return MODELS.build(cfg).double().eval()


def load(net: nn.Module, converted: dict[str, Tensor]) -> set[str]:
    """Load what is there and return the keys that the network keeps."""
    weights = {k.removeprefix('backbone.'): v for k, v in converted.items()}
    keys = net.load_state_dict(weights, strict=False)
    assert keys.unexpected_keys == []
    return set(keys.missing_keys)


@every_arch
@pytest.mark.parametrize('num_subnets', [1, 2, 3])
def test_what_is_not_loaded_is_what_the_log_says(arch, num_subnets, caplog):
    caplog.set_level(logging.INFO)
    missing = load(
        dfanet(arch, num_subnets), convert_dfanet(classifier(arch), num_subnets)
    )
    expected = {
        f'subnets.{i}.fca.conv.conv.{slot}'
        for i in range(num_subnets)
        for slot in ('weight', 'bias')
    } | {
        f'subnets.{i}.enc2.0.{name}' for i in range(1, num_subnets) for name in CHANGED
    }
    assert missing == expected
    assert 'in each: fca.conv' in caplog.messages[0]
    assert len(caplog.messages) == (1 if num_subnets == 1 else 2)
    for name in CHANGED if num_subnets > 1 else ():
        assert f'enc2.0.{name}' in caplog.messages[1]


@every_arch
def test_exactly_nine_tensors_of_a_later_subnetwork_have_another_shape(arch):
    first, later, _ = (net.state_dict() for net in dfanet(arch).subnets)
    names = [f'enc{stage}.0.{name}' for stage in (2, 3, 4) for name in CHANGED]
    found = [k for k in later if first[k].shape != later[k].shape]
    assert found == sorted(names, key=found.index)
    assert len(found) == 9


@every_arch
@torch.no_grad()
def test_the_first_subnetwork_is_the_classifiers_backbone(arch):
    net = dfanet(arch)
    load(net, convert_dfanet(classifier(arch)))
    image = torch.randn(2, 3, 65, 90, dtype=torch.float64)
    enc4 = net.subnets[0](image)[2]
    assert torch.equal(enc4, backbone(arch)(image)[0])


@every_arch
@torch.no_grad()
def test_the_attention_sees_the_classifiers_scores(arch):
    weights = classifier(arch)
    net = dfanet(arch)
    load(net, convert_dfanet(weights))
    x = torch.randn(2, WIDTHS[arch][-1], 5, 7, dtype=torch.float64)
    scores = x.mean((2, 3)) @ weights['head.fc.weight'].T + weights['head.fc.bias']
    for subnet in net.subnets:
        torch.testing.assert_close(subnet.fca.fc(x.mean((2, 3))), scores)


@every_arch
@pytest.mark.parametrize('stage', [3, 4])
@torch.no_grad()
def test_a_widened_stage_begins_as_the_classifiers_whatever_the_skip(arch, stage):
    net = dfanet(arch)
    load(net, convert_dfanet(classifier(arch)))
    own, skip = WIDTHS[arch][stage - 3 : stage - 1]
    x = torch.randn(2, own, 9, 12, dtype=torch.float64)
    other = torch.randn(2, skip, 9, 12, dtype=torch.float64)
    expected = getattr(net.subnets[0], f'enc{stage}')(x)
    for subnet in net.subnets[1:]:
        found = getattr(subnet, f'enc{stage}')(torch.cat([x, other], 1))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        swapped = getattr(subnet, f'enc{stage}')(torch.cat([other, x], 1))
        assert (swapped - expected).abs().max() > 1e-3  # the order counts


@every_arch
def test_a_widened_stage_learns_to_use_the_skip(arch):
    net = dfanet(arch)
    load(net, convert_dfanet(classifier(arch)))
    own, skip = WIDTHS[arch][:2]
    stage = net.subnets[1].enc3.train()
    x = torch.randn(2, own + skip, 9, 12, dtype=torch.float64)
    stage(x)[:, ::3].sum().backward()
    pointwise = stage[0].conv1.pointwise_conv.conv.weight.grad[:, own:]
    assert (pointwise.abs().amax((1, 2, 3)) > 0).all()


def test_the_source_is_not_modified_and_wrappers_are_taken_off():
    weights = classifier('B')
    before = {k: v.clone() for k, v in weights.items()}
    converted = convert_dfanet(dict(meta={}, state_dict=weights))
    assert all(torch.equal(v, before[k]) for k, v in weights.items())
    assert converted.keys() == convert_dfanet(weights).keys()


def test_another_checkpoint_is_refused():
    weights = classifier('B')
    with pytest.raises(KeyError, match=r"'decode_head\.x' is no key of an Xception"):
        convert_dfanet(weights | {'decode_head.x': torch.zeros(1)})
    with pytest.raises(KeyError, match=r"'backbone\.subnets\.0\.conv1\.conv\.weight'"):
        convert_dfanet(convert_dfanet(weights))


@pytest.mark.parametrize(
    'key',
    ['backbone.conv1.conv.weight', 'head.fc.bias', f'backbone.enc3.0.{CHANGED[2]}'],
)
def test_a_missing_part_is_told(key):
    weights = classifier('B')
    del weights[key]
    with pytest.raises(KeyError, match='give all of the classifier'):
        convert_dfanet(weights)


def test_another_number_of_classes_is_refused():
    with pytest.raises(ValueError, match='has 10 classes, the FC attention is for'):
        convert_dfanet(classifier('B', classes=10))


def test_no_subnetwork_is_refused():
    with pytest.raises(ValueError, match='num_subnets=0 must be at least 1'):
        convert_dfanet(classifier('B'), num_subnets=0)


def test_the_tool_knows_it():
    assert CONVERTERS['dfanet'] is convert_dfanet
