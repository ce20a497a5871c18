"""Fully connected tails become convolutions, number by number, in float64."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, conv2d

from mmseg_plugins.converters import fc_to_conv, tail_to_convs

#: The maps that the three classifiers of the paper give to their tails.
MAPS = {'AlexNet': (256, 6, 6), 'VGG16': (512, 7, 7), 'GoogLeNet': (1024, 1, 1)}
SLIM_FC, CLASSES = 24, 10
every_classifier = pytest.mark.parametrize('name', MAPS)


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
    tail = [*first, *second, nn.Linear(SLIM_FC, CLASSES)]
    return nn.Sequential(*tail).double().eval()


def random_map(name: str, larger_by: int = 0) -> Tensor:
    channels, *size = MAPS[name]
    return torch.randn(2, channels, *(n + larger_by for n in size), dtype=torch.float64)


@every_classifier
@torch.no_grad()
def test_every_window_of_a_map_gets_the_numbers_of_the_classifier(name):
    classifier = make_tail(name)
    before = {key: value.clone() for key, value in classifier.state_dict().items()}
    convs = tail_to_convs(classifier, MAPS[name])
    _, height, width = MAPS[name]
    x = random_map(name, larger_by=2)
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


@pytest.mark.parametrize('with_relu', [False, True])
@torch.no_grad()
def test_only_linear_scores_can_be_averaged_afterwards(with_relu):
    """GoogLeNet averages before its layer; a ReLU after it is the control."""
    tail = [*make_tail('GoogLeNet'), *([nn.ReLU()] if with_relu else [])]
    convs = tail_to_convs(tail, MAPS['GoogLeNet'])
    x = random_map('GoogLeNet', larger_by=6)
    expected = nn.Sequential(*tail)(adaptive_avg_pool2d(x, 1))
    difference = (convs(x).mean((2, 3)) - expected).abs().max()
    assert difference > 1e-2 if with_relu else difference < 1e-12


@pytest.mark.parametrize('order', ['right', 'channel last', 'transposed'])
def test_only_the_right_order_of_a_weight_gives_the_same_numbers(order):
    weight = torch.randn(5, 6 * 16, dtype=torch.float64)
    x = torch.randn(2, 6, 2, 8, dtype=torch.float64)
    kernel = {
        'right': fc_to_conv(weight, (2, 8)),
        'channel last': weight.view(5, 2, 8, 6).permute(0, 3, 1, 2),
        'transposed': weight.view(5, 6, 8, 2).mT,
    }[order]
    difference = (conv2d(x, kernel).flatten(1) - x.flatten(1) @ weight.T).abs().max()
    assert difference < 1e-12 if order == 'right' else difference > 0.1


@pytest.mark.parametrize('form', [(5, 294), (1, 1, 5, 294), (5, 6, 7, 7)])
def test_every_form_of_a_weight_converts_to_the_same(form):
    weight = torch.randn(5, 294)
    assert torch.equal(fc_to_conv(weight.view(form), 7), weight.view(5, 6, 7, 7))


@pytest.mark.parametrize(
    ('shape', 'kernel_size', 'words'),
    [
        ((5, 295), 7, r'\(5, 295\) does not fit maps of 7 x 7.*kernel_size'),
        ((5, 294), (7, 5), r'\(5, 294\) does not fit maps of 7 x 5'),
        ((5, 294), 0, 'does not fit maps of 0 x 0'),
        ((5, 6, 7, 7), 6, r'\(5, 6, 7, 7\) does not fit maps of 6 x 6'),
        ((294,), 7, r'\(294,\)'),
    ],
)
def test_a_weight_that_does_not_fit_is_refused(shape, kernel_size, words):
    with pytest.raises(ValueError, match=words):
        fc_to_conv(torch.zeros(shape), kernel_size)


def test_other_modules_stay_in_their_places():
    convs = tail_to_convs(
        [*make_tail('VGG16'), nn.Linear(CLASSES, 3, bias=False)], MAPS['VGG16']
    )
    kinds = [type(module).__name__ for module in convs]
    assert kinds == ['Conv2d', 'ReLU', 'Dropout'] * 2 + ['Conv2d'] * 2
    assert convs[-1].bias is None


@pytest.mark.parametrize(
    ('module', 'map_shape', 'words'),
    [
        (nn.AdaptiveAvgPool2d(7), (2, 2, 2), 'AdaptiveAvgPool2d.* after the last pool'),
        (nn.BatchNorm1d(8), (2, 2, 2), r'BatchNorm1d.* after the last pool'),
        (
            nn.Linear(8, 3),
            (2, 2, 3),
            r'in_features=8.* does not fit 2 x 2 x 3',
        ),
    ],
)
def test_another_module_or_map_is_refused(module, map_shape, words):
    with pytest.raises(ValueError, match=words):
        tail_to_convs([module], map_shape)
