"""FCNVGG: its levels, its freezing, and the checkpoints it takes."""

import os
from pathlib import Path

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from reference.fcn import features
from test_vgg import FC_CHANNELS, Classifier, layouts

from mmseg_plugins.backbones import FCNVGG, fcn_vgg
from mmseg_plugins.converters.vgg import VGG_STAGES

WEIGHTS = Path(os.environ.get('VGG16_WEIGHTS', 'checkpoints/vgg16_mmpretrain.pth'))


def make_net(depth: int = 16, **kwargs) -> FCNVGG:
    return FCNVGG(depth=depth, base_channels=4, fc_channels=FC_CHANNELS, **kwargs)


@pytest.mark.parametrize('depth', VGG_STAGES)
def test_levels_equal_the_plain_restatement(depth):
    torch.manual_seed(0)
    net = make_net(depth, out_indices=(0, 1, 2, 3, 4)).double().eval()
    weights = {
        name: (layer.conv.weight, layer.conv.bias)
        for name, layer in net.named_children()
        if name != 'dropout'
    }
    image = torch.randn(2, 3, 50, 75, dtype=torch.float64)
    pools = features(image, weights, VGG_STAGES[depth])
    expected = (*pools[:4], pools[5])
    with torch.no_grad():
        torch.testing.assert_close(net(image), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('size', [(1, 1), (31, 33), (97, 224)])
def test_levels_have_ceil_rounded_sizes(size):
    net = make_net(11, out_indices=(0, 1, 2, 3, 4)).eval()
    for level, stride in zip(
        net(torch.randn(1, 3, *size)), (2, 4, 8, 16, 32), strict=True
    ):
        assert level.shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))


@pytest.mark.parametrize('with_norm', [False, True])
@pytest.mark.parametrize('layout', ['torchvision', 'mmpretrain', 'caffe'])
def test_a_classifiers_checkpoint_gives_the_classifiers_numbers(layout, with_norm):
    sources = layouts(16, with_norm)
    if layout not in sources:
        assert with_norm
        return
    norm_cfg = dict(type='BN') if with_norm else None
    net = make_net(norm_cfg=norm_cfg, out_indices=(4,)).double().eval()
    load_state_dict(
        net, {k: v.double() for k, v in sources[layout].items()}, strict=True
    )
    classifier = Classifier(16, with_norm).double().eval()
    image = torch.randn(2, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        # The middle of the padded 7 x 7 map is what the classifier sees.
        actual = net(image)[0][:, :, 3, 3]
        torch.testing.assert_close(actual, classifier(image), rtol=0, atol=1e-12)


def test_its_own_checkpoint_loads_strictly():
    net, twin = make_net(), make_net()
    twin.load_state_dict(net.state_dict())
    assert all(
        torch.equal(v, twin.state_dict()[k]) for k, v in net.state_dict().items()
    )


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What FCNVGG logs."""
    texts = []
    monkeypatch.setattr(fcn_vgg, 'print_log', lambda text, **_: texts.append(text))
    return texts


def test_what_was_taken_from_a_checkpoint_is_said(said):
    make_net().load_state_dict(Classifier(16).state_dict())
    assert said[0].startswith('FCNVGG took conv1_1, conv1_2,')
    assert said[0].endswith('conv5_3, fc6, fc7 from a VGG-16 classifier. ')


@pytest.mark.parametrize('value', ['absent', 'nan', 'wide'])
def test_a_classifier_that_cannot_be_taken_is_left_out_and_said(value, said):
    source = Classifier(16).state_dict()
    for key in [k for k in source if k.startswith('classifier')]:
        if value == 'nan':
            source[key] = torch.full_like(source[key], torch.nan)
        elif value == 'absent':
            del source[key]
    net = FCNVGG(base_channels=4, fc_channels=9 if value == 'wide' else FC_CHANNELS)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(source, strict=False)
    reason = {
        'absent': 'has none',
        'nan': 'IMAGENET1K_V1',
        'wide': '(9, 32, 7, 7) here',
    }
    assert 'fc6 keeps its values: ' in said[0]
    assert reason[value] in said[0]
    kept = {k for k, v in net.state_dict().items() if torch.equal(v, before[k])}
    assert kept == {k for k in before if k.startswith('fc')}


def test_a_checkpoint_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r'conv1_1.conv.weight .*set base_channels'):
        FCNVGG(base_channels=8).load_state_dict(Classifier(16).state_dict())


@pytest.mark.skipif(not WEIGHTS.is_file(), reason=f'VGG16_WEIGHTS: no file {WEIGHTS}')
def test_imagenet_convolutions_load_through_init_cfg():
    init_cfg = dict(type='Pretrained', checkpoint=str(WEIGHTS))
    net = FCNVGG(fc_channels=8, init_cfg=init_cfg)
    net.init_weights()
    stored = torch.load(WEIGHTS, weights_only=True)['state_dict']
    assert torch.equal(net.conv1_1.conv.weight, stored['features.0.conv.weight'])
    assert torch.equal(net.conv5_3.conv.bias, stored['features.16.conv.bias'])


def test_frozen_stages_neither_train_nor_update_their_norm():
    net = make_net(norm_cfg=dict(type='BN'), frozen_stages=2).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    sum(level.sum() for level in net(torch.randn(2, 3, 64, 64))).backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == name.startswith(('conv1', 'conv2')), name
    changed = [k for k, v in net.state_dict().items() if not torch.equal(v, before[k])]
    assert changed
    assert not [k for k in changed if k.startswith(('conv1', 'conv2'))]


def test_checkpointing_gives_the_same_gradients():
    torch.manual_seed(0)
    net = make_net(dropout_ratio=0.0).double().train()
    image = torch.randn(2, 3, 40, 56, dtype=torch.float64)
    gradients = []
    for net.with_cp in (False, True):
        net.zero_grad()
        sum(level.square().sum() for level in net(image)).backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_checkpointing_keeps_less_for_the_backward_pass():
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
