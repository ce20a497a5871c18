"""Classifiers' checkpoints become the weights of FCNVGG and FCNAlexNet."""

import logging
import os
from functools import partial
from itertools import chain, pairwise
from pathlib import Path

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from torch import Tensor, nn

from mmseg_plugins.backbones import FCNVGG, classifier_weights
from mmseg_plugins.backbones.fcn_vgg import VGG_STAGES, conv_names
from tests.backbones.test_fcn_alexnet import caffenet, caffenet_fcn, make_caffenet

CHANNELS = (4, 8, 16, 32, 32)
FC_CHANNELS, CLASSES = 12, 7
FILE = Path(os.environ.get('VGG16_WEIGHTS', 'checkpoints/vgg16_mmpretrain.pth'))


class VGG(nn.Module):
    """A slim VGG classifier in torchvision's layout."""

    def __init__(self, depth: int = 11, with_norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(depth)
        layers: list[nn.Module] = []
        channels = 3
        for width, num_convs in zip(CHANNELS, VGG_STAGES[depth], strict=True):
            for _ in range(num_convs):
                layers.append(nn.Conv2d(channels, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width)] if with_norm else []
                layers.append(nn.ReLU())
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        tail: list[nn.Module] = []
        for inputs, out in pairwise([49 * channels, FC_CHANNELS, FC_CHANNELS, CLASSES]):
            tail += [nn.Linear(inputs, out), nn.ReLU(), nn.Dropout()]
        self.classifier = nn.Sequential(*tail[:7])
        for module in self.modules():  # so that no layer loses the signal
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                nn.init.normal_(module.bias, std=0.1)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.5, 0.5)
                nn.init.uniform_(module.running_var, 0.5, 1.5)

    def forward(self, image: Tensor) -> Tensor:
        """The output of fc7 after its rectifier."""
        return self.classifier[:5](self.features(image).flatten(1))


def mmpretrain_names(vgg: VGG) -> dict:
    """The weights with mmpretrain's keys: a convolution and its norm are one module."""
    renamed, index = {}, -1
    for module in vgg.features:
        index += isinstance(module, nn.Conv2d | nn.MaxPool2d)
        kind = 'conv' if isinstance(module, nn.Conv2d) else 'bn'
        for slot, value in module.state_dict().items():
            renamed[f'backbone.features.{index}.{kind}.{slot}'] = value
    tail = vgg.classifier.state_dict()
    return renamed | {f'backbone.classifier.{k}': value for k, value in tail.items()}


def caffe_names(source: dict, depth: int) -> dict:
    convs = [k.removesuffix('.weight') for k, v in source.items() if v.ndim == 4]
    names = dict(zip(convs, chain(*conv_names(depth)), strict=True))
    names |= {'classifier.0': 'fc6', 'classifier.3': 'fc7', 'classifier.6': 'fc8'}
    layers = ((*key.rpartition('.'), value) for key, value in source.items())
    return {f'{names[layer]}.{slot}': value for layer, _, slot, value in layers}


def old_caffe(source: dict) -> dict:
    """Matrices of (1, 1, out, in) and biases of (1, 1, 1, out)."""
    return {key: value[(None,) * (4 - value.ndim)] for key, value in source.items()}


def make_vgg(depth: int = 11, with_norm: bool = False, **kwargs) -> FCNVGG:
    kwargs = dict(base_channels=4, fc_channels=FC_CHANNELS) | kwargs
    norm_cfg = dict(type='BN') if with_norm else None
    return FCNVGG(depth=depth, norm_cfg=norm_cfg, **kwargs).double().eval()


@pytest.fixture
def logged(monkeypatch) -> list[tuple[int, str]]:
    """The levels and the texts that the backbones log."""
    records: list[tuple[int, str]] = []
    monkeypatch.setattr(
        classifier_weights,
        'print_log',
        lambda text, logger, level: records.append((level, text)),
    )
    return records


@pytest.mark.one_line
@pytest.mark.parametrize('with_norm', [False, True])
@pytest.mark.parametrize('depth', VGG_STAGES)
def test_every_layout_gives_the_numbers_of_the_vgg(depth, with_norm, logged):
    images = torch.randn(2, 3, 224, 224, dtype=torch.float64)
    vgg = VGG(depth, with_norm).double().eval()
    source, first = vgg.state_dict(), None
    layouts = {'torchvision': source, 'mmpretrain': mmpretrain_names(vgg)}
    if not with_norm:
        caffe = caffe_names(source, depth)
        layouts |= {'caffe': caffe, 'old caffe': old_caffe(caffe)}
    for layout, source in layouts.items():
        net = make_vgg(depth, with_norm, out_indices=(4,))
        before = {key: value.clone() for key, value in source.items()}
        load_state_dict(net, source, strict=True)
        assert all(torch.equal(value, source[key]) for key, value in before.items())
        first = first or net.state_dict()
        for key, value in net.state_dict().items():
            assert torch.equal(value, first[key]), (layout, key)
    with torch.no_grad():
        expected = vgg(images)
        # The middle of the padded 7 x 7 map is what the classifier sees.
        actual = net(images)[0][:, :, 3, 3]
    assert (expected[0] - expected[1]).abs().max() > 0.1
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    assert set(logged) == {(logging.INFO, 'FCNVGG loaded the weights of a classifier')}


@pytest.mark.parametrize('form', ['matrices', 'old caffe', 'convolutions'])
@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_every_form_of_a_caffenet_gives_the_same_weights(form, prefix, logged):
    expected, source = caffenet_fcn(), caffenet()
    if form == 'old caffe':
        source = old_caffe(source)
    elif form == 'convolutions':
        source |= {key: expected[key] for key in ('fc6.weight', 'fc7.weight')}
    net = make_caffenet()
    source = {prefix + key: value for key, value in source.items()}
    load_state_dict(net, source, strict=True)
    for key, value in net.state_dict().items():
        assert torch.equal(value, expected[key.replace('.conv', '')])
    (record,) = logged
    assert record == (logging.INFO, 'FCNAlexNet loaded the weights of a classifier')


@pytest.mark.parametrize('make', [make_vgg, make_caffenet])
def test_a_backbone_loads_its_own_weights(make, logged):
    weights, net = make().state_dict(), make()
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    net.load_state_dict(weights)
    assert all(torch.equal(value, weights[k]) for k, value in net.state_dict().items())
    assert logged == []


@pytest.mark.parametrize('make', [make_vgg, make_caffenet])
@pytest.mark.parametrize('fault', ['absent', 'nan', 'wide', 'small map'])
def test_fc6_and_fc7_that_do_not_fit_are_left_out(make, fault, logged):
    source = VGG().double().state_dict() if make is make_vgg else caffenet()
    keys = [key for key in source if key.startswith(('classifier.', 'fc'))]
    for key in keys:
        if fault == 'absent':
            del source[key]
        elif fault == 'nan':  # as torchvision's IMAGENET1K_FEATURES
            source[key] = torch.full_like(source[key], torch.nan)
    if fault == 'small map':
        source[keys[0]] = torch.zeros(3, 32)
    net = make(fc_channels=9) if fault == 'wide' else make()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    net.load_state_dict(source, strict=False)
    kept = {k for k, v in net.state_dict().items() if torch.equal(v, before[k])}
    layers = ['fc6'] if fault == 'small map' else ['fc6', 'fc7']
    assert kept == {key for key in before if key.startswith(tuple(layers))}
    ((level, text),) = logged
    assert level == logging.WARNING
    assert f'but not of {" and ".join(layers)}: the checkpoint has no finite' in text


@pytest.mark.parametrize(
    ('make', 'other', 'words'),
    [
        (make_vgg, VGG(13), "'features.*' is not a key"),
        (partial(make_vgg, 13), VGG(11), "'conv5_1.weight' is missing"),
        (make_vgg, VGG(11, True), "'features.*' is not a key"),
        (partial(make_vgg, 11, True), VGG(11), "'conv1_1.bn.weight' is missing"),
        (partial(make_vgg, base_channels=8), VGG(11), r'\(4, 3, 3, 3\).*\(8, 3,'),
        (make_caffenet, VGG(11), 'is not a key'),
    ],
)
def test_another_network_is_refused(make, other, words):
    with pytest.raises(ValueError, match=words):
        make().load_state_dict(other.state_dict())


@pytest.mark.skipif(not FILE.is_file(), reason=f'VGG16_WEIGHTS: no file {FILE}')
def test_published_convolutions_load_through_init_cfg():
    init_cfg = dict(type='Pretrained', checkpoint=str(FILE))
    net = FCNVGG(fc_channels=8, init_cfg=init_cfg)
    net.init_weights()
    stored = torch.load(FILE, weights_only=True)['state_dict']
    assert torch.equal(net.conv1_1.conv.weight, stored['features.0.conv.weight'])
    assert torch.equal(net.conv5_3.conv.bias, stored['features.16.conv.bias'])
