"""Fully connected tails become convolutions, number by number, in float64."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from mmseg_plugins.converters import fc_to_conv, tail_to_convs

pytestmark = pytest.mark.one_line

#: The maps that the three classifiers of the paper give to their tails.
MAPS = {'AlexNet': (256, 6, 6), 'VGG16': (512, 7, 7), 'GoogLeNet': (1024, 1, 1)}
SLIM_FC, CLASSES = 24, 10


def make_tail(name: str) -> nn.Sequential:
    """The tail in torchvision's order, with fewer channels after the first layer."""
    channels, height, width = MAPS[name]
    torch.manual_seed(0)
    inputs = channels * height * width
    if name == 'GoogLeNet':
        tail = [nn.Flatten(), nn.Dropout(0.4), nn.Linear(inputs, CLASSES)]
        return nn.Sequential(*tail).double().eval()
    first = [nn.Flatten(), nn.Linear(inputs, SLIM_FC), nn.ReLU(), nn.Dropout()]
    second = [nn.Linear(SLIM_FC, SLIM_FC), nn.ReLU(), nn.Dropout()]
    if name == 'AlexNet':  # its dropouts come before the layers
        first, second = [nn.Dropout(), *first[:3]], [nn.Dropout(), *second[:2]]
    tail = [*first, *second, nn.Linear(SLIM_FC, CLASSES, bias=name == 'VGG16')]
    return nn.Sequential(*tail).double().eval()


@pytest.mark.parametrize('name', MAPS)
@torch.no_grad()
def test_every_window_of_a_map_gets_the_numbers_of_the_classifier(name):
    classifier = make_tail(name)
    before = {key: value.clone() for key, value in classifier.state_dict().items()}
    convs = tail_to_convs(classifier, MAPS[name])
    kinds = [type(m) for m in classifier if not isinstance(m, nn.Flatten)]
    kinds = [nn.Conv2d if kind is nn.Linear else kind for kind in kinds]
    assert [type(module) for module in convs] == kinds
    channels, height, width = MAPS[name]
    x = torch.randn(2, channels, height + 2, width + 2, dtype=torch.float64)
    actual = convs(x)
    assert actual.shape == (2, CLASSES, 3, 3)
    for i in range(3):
        for j in range(3):
            expected = classifier(x[:, :, i : i + height, j : j + width])
            torch.testing.assert_close(actual[:, :, i, j], expected, rtol=0, atol=1e-12)
    for parameter in convs.parameters():  # which are no views of the classifier's
        nn.init.zeros_(parameter)
    after = classifier.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


@pytest.mark.parametrize('form', [(5, 96), (1, 1, 5, 96), (5, 6, 2, 8)])
def test_every_form_of_a_weight_gives_the_numbers_of_the_layer(form):
    weight = torch.randn(5, 96, dtype=torch.float64)
    x = torch.randn(2, 6, 2, 8, dtype=torch.float64)
    expected = x.flatten(1) @ weight.T
    actual = conv2d(x, fc_to_conv(weight.view(form), (2, 8))).flatten(1)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    transposed = weight.view(5, 6, 8, 2).mT  # control
    assert (conv2d(x, transposed).flatten(1) - expected).abs().max() > 0.1


@pytest.mark.parametrize(
    ('shape', 'kernel_size', 'words'),
    [
        ((5, 295), 7, r'\(5, 295\) does not fit maps of 7 x 7'),
        ((5, 294), 0, 'does not fit maps of 0 x 0'),
        ((5, 6, 7, 7), (7, 6), r'\(5, 6, 7, 7\) does not fit maps of 7 x 6'),
        ((294,), 7, r'\(294,\)'),
    ],
)
def test_a_weight_that_does_not_fit_is_refused(shape, kernel_size, words):
    with pytest.raises(ValueError, match=words):
        fc_to_conv(torch.zeros(shape), kernel_size)


@pytest.mark.parametrize(
    ('module', 'words'),
    [
        (nn.AdaptiveAvgPool2d(7), 'AdaptiveAvgPool2d.* after the last pool'),
        (nn.Linear(8, 3), r'in_features=8.* does not fit 2 x 2 x 3'),
    ],
)
def test_another_module_or_map_is_refused(module, words):
    with pytest.raises(ValueError, match=words):
        tail_to_convs([module], (2, 2, 3))
