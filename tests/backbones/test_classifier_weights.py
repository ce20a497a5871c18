"""Classifiers' checkpoints become the weights of FCNVGG and FCNAlexNet."""

import logging
import os
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from test_fcn_alexnet import caffenet, caffenet_fcn, make_caffenet
from torch import Tensor, nn

from mmseg_plugins.backbones import FCNVGG, classifier_weights
from mmseg_plugins.backbones.fcn_vgg import VGG_STAGES, conv_names

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
        self.classifier = nn.Sequential(
            nn.Linear(49 * CHANNELS[-1], FC_CHANNELS),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(FC_CHANNELS, FC_CHANNELS),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(FC_CHANNELS, CLASSES),
        )
        for buffer in self.buffers():
            if buffer.is_floating_point():
                nn.init.uniform_(buffer, 0.5, 1.5)

    def forward(self, image: Tensor) -> Tensor:
        """The output of fc7 after its rectifier."""
        return self.classifier[:5](self.features(image).flatten(1))


def mmpretrain_names(source: dict, depth: int, with_norm: bool) -> dict:
    """Rename torchvision's keys to mmpretrain's, written down from its module list."""
    renamed, index, old = {}, 0, 0
    norm_slots = ('weight', 'bias', 'running_mean', 'running_var')
    for num_convs in VGG_STAGES[depth]:
        for _ in range(num_convs):
            for slot in ('weight', 'bias'):
                key = f'features.{index}.conv.{slot}'
                renamed[key] = source[f'features.{old}.{slot}']
            for slot in norm_slots if with_norm else ():
                key = f'features.{index}.bn.{slot}'
                renamed[key] = source[f'features.{old + 1}.{slot}']
            old, index = old + 2 + with_norm, index + 1
        old, index = old + 1, index + 1
    rest = {k: v for k, v in source.items() if k.startswith('classifier')}
    return {f'backbone.{k}': v for k, v in {**renamed, **rest}.items()}


def caffe_names(source: dict, depth: int) -> dict:
    convs = [k.removesuffix('.weight') for k, v in source.items() if v.ndim == 4]
    names = dict(zip(convs, chain(*conv_names(depth)), strict=True))
    names |= {'classifier.0': 'fc6', 'classifier.3': 'fc7', 'classifier.6': 'fc8'}
    layers = ((*key.rpartition('.'), value) for key, value in source.items())
    return {f'{names[layer]}.{slot}': value for layer, _, slot, value in layers}


def old_caffe(source: dict) -> dict:
    """Matrices of (1, 1, out, in) and biases of (1, 1, 1, out)."""
    return {
        k: v if v.ndim == 4 else v[(None,) * (4 - v.ndim)] for k, v in source.items()
    }


def vgg_layouts(depth: int, with_norm: bool) -> dict[str, dict]:
    source = VGG(depth, with_norm).double().state_dict()
    mmpretrain = mmpretrain_names(source, depth, with_norm)
    layouts = {'torchvision': source, 'mmpretrain': mmpretrain}
    if not with_norm:
        caffe = caffe_names(source, depth)
        layouts |= {'caffe': caffe, 'old caffe': old_caffe(caffe)}
    return layouts


def make_vgg(depth: int = 11, with_norm: bool = False, **kwargs) -> FCNVGG:
    kwargs = dict(base_channels=4, fc_channels=FC_CHANNELS) | kwargs
    norm_cfg = dict(type='BN') if with_norm else None
    return FCNVGG(depth=depth, norm_cfg=norm_cfg, **kwargs).double().eval()


@pytest.fixture
def logged(monkeypatch) -> list[tuple[int, str]]:
    """The levels and the texts that the backbones log."""
    records = []

    def record(text: str, logger: str, level: int) -> None:
        records.append((level, text))

    monkeypatch.setattr(classifier_weights, 'print_log', record)
    return records


@pytest.mark.parametrize('with_norm', [False, True])
@pytest.mark.parametrize('depth', VGG_STAGES)
def test_every_layout_gives_the_numbers_of_the_vgg(depth, with_norm, logged):
    image = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        expected = VGG(depth, with_norm).double().eval()(image)
    first = None
    for layout, source in vgg_layouts(depth, with_norm).items():
        net = make_vgg(depth, with_norm, out_indices=(4,))
        before = {key: value.clone() for key, value in source.items()}
        load_state_dict(net, source, strict=layout != 'mmpretrain')
        assert all(torch.equal(value, source[key]) for key, value in before.items())
        first = first or net.state_dict()
        for key, value in net.named_parameters():
            assert torch.equal(value, first[key]), (layout, key)
        with torch.no_grad():
            # The middle of the padded 7 x 7 map is what the classifier sees.
            actual = net(image)[0][:, :, 3, 3]
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
@pytest.mark.parametrize('fault', ['absent', 'nan', 'wide', 'small map', 'no bias'])
def test_fc6_and_fc7_that_do_not_fit_are_left_out(make, fault, logged):
    source = vgg_layouts(11, False)['torchvision'] if make is make_vgg else caffenet()
    keys = [key for key in source if key.startswith(('classifier.', 'fc'))]
    for key in keys:
        if fault == 'absent':
            del source[key]
        elif fault == 'nan':  # as torchvision's IMAGENET1K_FEATURES
            source[key] = torch.full_like(source[key], torch.nan)
    if fault == 'small map':
        source[keys[0]] = torch.zeros(3, 32)
    elif fault == 'no bias':
        del source[keys[1]]
    net = make(fc_channels=9) if fault == 'wide' else make()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    net.load_state_dict(source, strict=False)
    kept = {k for k, v in net.state_dict().items() if torch.equal(v, before[k])}
    layers = ['fc6'] if fault in ('small map', 'no bias') else ['fc6', 'fc7']
    assert kept == {key for key in before if key.startswith(tuple(layers))}
    ((level, text),) = logged
    assert level == logging.WARNING
    assert f'but not of {" and ".join(layers)}: the checkpoint has no finite' in text


VGG_11, VGG_13, VGG_11_BN = (
    VGG(*arguments).state_dict() for arguments in ((11,), (13,), (11, True))
)
EXTRA = {'layer1.0': torch.ones(1)}


@pytest.mark.parametrize(
    ('make', 'source', 'words'),
    [
        (make_vgg, VGG_13, r"'features\.\d+\..*' is not a key"),
        (make_vgg, caffe_names(VGG_13, 13), "'conv1_2.weight' is not a key"),
        (partial(make_vgg, 13), VGG_11, 'is missing: .*see depth, norm_cfg'),
        (make_vgg, VGG_11_BN, 'is not a key .*see depth, norm_cfg'),
        (partial(make_vgg, 11, True), VGG_11, "'conv1_1.bn.weight' is missing"),
        (partial(make_vgg, base_channels=8), VGG_11, r'\(4, 3, 3, 3\).*\(8, 3, 3, 3\)'),
        (make_vgg, VGG_11 | EXTRA, "'layer1.0' is not a key"),
        (make_caffenet, VGG_11, 'is not a key'),
        (make_caffenet, caffenet() | EXTRA, "'layer1.0' is not a key"),
        (make_caffenet, caffenet() | {'conv3.weight': torch.ones(1, 1)}, r'\(1, 1\)'),
        (make_caffenet, caffenet() | {'conv1.bias': None}, "'conv1.bias' is of type"),
    ],
)
def test_another_network_is_refused(make, source, words):
    with pytest.raises(ValueError, match=words):
        make().load_state_dict(source)


@pytest.mark.skipif(not FILE.is_file(), reason=f'VGG16_WEIGHTS: no file {FILE}')
def test_published_convolutions_load_through_init_cfg():
    init_cfg = dict(type='Pretrained', checkpoint=str(FILE))
    net = FCNVGG(fc_channels=8, init_cfg=init_cfg)
    net.init_weights()
    stored = torch.load(FILE, weights_only=True)['state_dict']
    assert torch.equal(net.conv1_1.conv.weight, stored['features.0.conv.weight'])
    assert torch.equal(net.conv5_3.conv.bias, stored['features.16.conv.bias'])
