"""Checkpoints of other projects become FCNVGG's, number by number."""

import pytest
import torch
from torch import nn

from mmseg_plugins.converters.vgg import VGG_STAGES, conv_names, convert_vgg

CHANNELS = (4, 8, 16, 32, 32)
FC_CHANNELS = 12


def vgg_layers(depth: int, with_norm: bool) -> list[nn.Module]:
    """The features of a slim VGG in torchvision's order."""
    layers, channels = [], 3
    for width, num_convs in zip(CHANNELS, VGG_STAGES[depth], strict=True):
        for _ in range(num_convs):
            layers.append(nn.Conv2d(channels, width, 3, padding=1))
            if with_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU())
            channels = width
        layers.append(nn.MaxPool2d(2))
    return layers


class Classifier(nn.Module):
    """A VGG classifier in torchvision's layout."""

    def __init__(self, depth: int = 16, with_norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(depth)
        self.features = nn.Sequential(*vgg_layers(depth, with_norm))
        self.classifier = nn.Sequential(
            nn.Linear(49 * CHANNELS[-1], FC_CHANNELS),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(FC_CHANNELS, FC_CHANNELS),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(FC_CHANNELS, 7),
        )
        for buffer in self.buffers():
            if buffer.is_floating_point():
                nn.init.uniform_(buffer, 0.5, 1.5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The output of fc7 after its rectifier."""
        return self.classifier[:5](self.features(image).flatten(1))


def mmpretrain_names(source: dict, depth: int, with_norm: bool) -> dict:
    """Rename torchvision's keys to mmpretrain's, written down from its module list."""
    renamed, index, old = {}, 0, 0
    for num_convs in VGG_STAGES[depth]:
        for _ in range(num_convs):
            for slot in ('weight', 'bias'):
                renamed[f'features.{index}.conv.{slot}'] = source[
                    f'features.{old}.{slot}'
                ]
            old += 1
            if with_norm:
                for slot in ('weight', 'bias', 'running_mean', 'running_var'):
                    key = f'features.{old}.{slot}'
                    renamed[f'features.{index}.bn.{slot}'] = source[key]
                old += 1
            old, index = old + 1, index + 1
        old, index = old + 1, index + 1
    rest = {k: v for k, v in source.items() if k.startswith('classifier')}
    return {f'backbone.{k}': v for k, v in {**renamed, **rest}.items()}


def caffe_names(source: dict, depth: int) -> dict:
    convs = [k[: -len('.weight')] for k, v in source.items() if v.ndim == 4]
    names = dict(zip(convs, conv_names(depth), strict=True))
    names |= {'classifier.0': 'fc6', 'classifier.3': 'fc7', 'classifier.6': 'fc8'}
    return {
        f'{names[k.rpartition(".")[0]]}.{k.rpartition(".")[2]}': v
        for k, v in source.items()
    }


def layouts(depth: int, with_norm: bool) -> dict[str, dict]:
    source = Classifier(depth, with_norm).state_dict()
    found = {
        'torchvision': source,
        'mmpretrain': mmpretrain_names(source, depth, with_norm),
    }
    if not with_norm:
        found['caffe'] = caffe_names(source, depth)
    return found


@pytest.mark.parametrize('with_norm', [False, True])
@pytest.mark.parametrize('depth', VGG_STAGES)
def test_every_layout_converts_to_the_same(depth, with_norm):
    results = [convert_vgg(s, depth) for s in layouts(depth, with_norm).values()]
    for result in results[1:]:
        shared = {k: v for k, v in results[0].items() if 'num_batches' not in k}
        assert result.keys() == shared.keys()
        assert all(torch.equal(v, result[k]) for k, v in shared.items())


def test_a_fully_connected_layer_in_caffes_old_form_converts_to_the_same():
    source = caffe_names(Classifier(11).state_dict(), 11)
    old = {k: v[None, None] if k == 'fc6.weight' else v for k, v in source.items()}
    assert old['fc6.weight'].shape == (1, 1, FC_CHANNELS, 49 * CHANNELS[-1])
    expected = convert_vgg(source, 11)['fc6.conv.weight']
    assert torch.equal(convert_vgg(old, 11)['fc6.conv.weight'], expected)


def test_the_source_is_not_modified():
    source = Classifier(11, True).state_dict()
    before = {k: v.clone() for k, v in source.items()}
    convert_vgg(source, 11)
    assert all(torch.equal(v, source[k]) for k, v in before.items())


def test_a_classifier_of_nan_is_left_out():
    source = Classifier(11).state_dict()
    for key in source:
        if key.startswith('classifier'):
            source[key] = torch.full_like(source[key], torch.nan)
    converted = convert_vgg(source, 11)
    assert not [k for k in converted if k.startswith('fc')]
    assert 'conv5_2.conv.weight' in converted


def test_another_depth_is_refused():
    with pytest.raises(ValueError, match='10 convolutions, VGG-16 has 13'):
        convert_vgg(Classifier(13).state_dict(), 16)


def test_an_unknown_key_is_refused():
    source = {**Classifier(11).state_dict(), 'layer1.0.conv1.weight': torch.zeros(1)}
    with pytest.raises(KeyError, match=r'layer1\.0\.conv1\.weight'):
        convert_vgg(source, 11)


def test_a_missing_convolution_is_named():
    source = caffe_names(Classifier(11).state_dict(), 11)
    del source['conv3_2.weight']
    with pytest.raises(KeyError, match='conv3_2 of VGG-11 is missing'):
        convert_vgg(source, 11)


def test_another_depth_with_caffe_names_is_refused():
    with pytest.raises(KeyError, match='conv1_2 of VGG-13 is missing'):
        convert_vgg(caffe_names(Classifier(11).state_dict(), 11), 13)


def test_a_layer_without_its_bias_is_left_out():
    source = caffe_names(Classifier(11).state_dict(), 11)
    del source['fc6.bias']
    converted = convert_vgg(source, 11)
    assert [k for k in converted if 'fc' in k] == ['fc7.conv.weight', 'fc7.conv.bias']


def test_a_classifier_of_maps_of_another_size_is_refused():
    source = Classifier(11).state_dict()
    source['classifier.0.weight'] = torch.zeros(FC_CHANNELS, CHANNELS[-1])
    with pytest.raises(ValueError, match=r'fc6 of the checkpoint: .*\(12, 32\)'):
        convert_vgg(source, 11)
