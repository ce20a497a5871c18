"""Fully connected tails become convolutions, number by number, in float64."""

import pytest
import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, conv2d

from mmseg_plugins.converters import fc_to_conv, tail_to_convs

# The maps that the three classifiers of the paper hand to their tails.
MAPS = {'AlexNet': (256, 6, 6), 'VGG16': (512, 7, 7), 'GoogLeNet': (1024, 1, 1)}
SLIM_FC, CLASSES = 24, 10


def make_tail(name: str) -> list[nn.Module]:
    """The tail in torchvision's order, with fewer channels behind the first layer."""
    channels, height, width = MAPS[name]
    torch.manual_seed(0)
    inputs = channels * height * width
    if name == 'GoogLeNet':
        return [nn.Flatten(), nn.Dropout(0.4), nn.Linear(inputs, CLASSES)]
    first = [nn.Flatten(), nn.Linear(inputs, SLIM_FC), nn.ReLU(), nn.Dropout()]
    second = [nn.Linear(SLIM_FC, SLIM_FC), nn.ReLU(), nn.Dropout()]
    if name == 'AlexNet':  # which drops out before its layers, not after them
        first, second = [nn.Dropout(), *first[:3]], [nn.Dropout(), *second[:2]]
    return [*first, *second, nn.Linear(SLIM_FC, CLASSES)]


def classifier_of(tail: list[nn.Module]) -> nn.Sequential:
    return nn.Sequential(*tail).double().eval()


def random_map(name: str, larger_by: int = 0) -> torch.Tensor:
    channels, *size = MAPS[name]
    size = [length + larger_by for length in size]
    return torch.randn(2, channels, *size, dtype=torch.float64)


@pytest.fixture(params=MAPS)
def name(request):
    return request.param


@pytest.fixture
def pair(name):
    classifier = classifier_of(make_tail(name))
    return classifier, tail_to_convs(classifier, MAPS[name]).eval()


@torch.no_grad()
def test_the_convolutions_give_the_classifiers_numbers(name, pair):
    classifier, convs = pair
    x = random_map(name)
    actual = convs(x)
    assert actual.shape == (2, CLASSES, 1, 1)
    torch.testing.assert_close(actual.flatten(1), classifier(x), rtol=0, atol=1e-12)


@torch.no_grad()
def test_on_a_larger_map_each_position_is_the_classifier_on_its_window(name, pair):
    classifier, convs = pair
    _, height, width = MAPS[name]
    x = random_map(name, larger_by=2)
    actual = convs(x)
    assert actual.shape == (2, CLASSES, 3, 3)
    for i in range(3):
        for j in range(3):
            expected = classifier(x[:, :, i : i + height, j : j + width])
            torch.testing.assert_close(actual[:, :, i, j], expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_googlenets_scores_averaged_are_those_of_its_average():
    classifier = classifier_of(make_tail('GoogLeNet'))
    convs = tail_to_convs(classifier, MAPS['GoogLeNet']).eval()
    x = random_map('GoogLeNet', larger_by=6)
    expected = classifier(adaptive_avg_pool2d(x, 1))
    after, before = convs(adaptive_avg_pool2d(x, 1)), convs(x)
    assert before.shape == (2, CLASSES, 7, 7)
    torch.testing.assert_close(after.flatten(1), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(before.mean((2, 3)), expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_control_behind_a_rectifier_averaging_does_not_commute():
    tail = [*make_tail('GoogLeNet'), nn.ReLU()]
    classifier = classifier_of(tail)
    convs = tail_to_convs(tail, MAPS['GoogLeNet']).double().eval()
    x = random_map('GoogLeNet', larger_by=6)
    expected = classifier(adaptive_avg_pool2d(x, 1))
    assert (convs(x).mean((2, 3)) - expected).abs().max() > 1e-2


@pytest.mark.parametrize('wrong', ['channel last', 'turned'])
def test_control_another_order_of_the_weight_differs(wrong):
    linear = nn.Linear(6 * 49, 5).double()
    x = torch.randn(2, 6, 7, 7, dtype=torch.float64)
    kernel = fc_to_conv(linear.weight, 7)
    torch.testing.assert_close(
        conv2d(x, kernel, linear.bias).flatten(1),
        linear(x.flatten(1)),
        rtol=0,
        atol=1e-12,
    )
    if wrong == 'channel last':
        kernel = linear.weight.view(5, 7, 7, 6).permute(0, 3, 1, 2)
    else:
        kernel = kernel.transpose(2, 3)
    actual = conv2d(x, kernel, linear.bias).flatten(1)
    assert (actual - linear(x.flatten(1))).abs().max() > 0.1


def test_control_a_kernel_of_another_shape_differs():
    weight = torch.randn(5, 6 * 16, dtype=torch.float64)
    x = torch.randn(1, 6, 2, 8, dtype=torch.float64)
    expected = x.flatten(1) @ weight.T
    actual = conv2d(x, fc_to_conv(weight, (2, 8))).flatten(1)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    actual = conv2d(x, fc_to_conv(weight, (8, 2)).mT).flatten(1)
    assert (actual - expected).abs().max() > 0.1


@pytest.mark.parametrize('form', [(5, 294), (1, 1, 5, 294), (5, 6, 7, 7)])
def test_every_form_of_a_weight_converts_to_the_same(form):
    weight = torch.randn(5, 294)
    assert torch.equal(fc_to_conv(weight.view(form), 7), weight.view(5, 6, 7, 7))


@pytest.mark.parametrize(
    ('shape', 'kernel_size', 'words'),
    [
        ((5, 295), 7, r'\(5, 295\).* maps of 7 x 7.*kernel_size'),
        ((5, 294), (7, 5), r'\(5, 294\).* maps of 7 x 5'),
        ((5, 294), 0, 'maps of 0 x 0'),
        ((5, 6, 7, 7), 6, r'\(5, 6, 7, 7\).* maps of 6 x 6'),
        ((294,), 7, r'\(294,\)'),
    ],
)
def test_a_weight_that_does_not_fit_is_refused(shape, kernel_size, words):
    with pytest.raises(ValueError, match=words):
        fc_to_conv(torch.zeros(shape), kernel_size)


def test_the_tail_is_neither_modified_nor_shared(name):
    tail = make_tail(name)
    before = {k: v.clone() for k, v in nn.Sequential(*tail).state_dict().items()}
    for parameter in tail_to_convs(tail, MAPS[name]).parameters():
        nn.init.zeros_(parameter)
    after = nn.Sequential(*tail).state_dict()
    assert all(torch.equal(v, after[k]) for k, v in before.items())


def test_dropouts_and_activations_stay_in_their_places():
    kinds = [type(m).__name__ for m in tail_to_convs(make_tail('VGG16'), MAPS['VGG16'])]
    assert kinds == ['Conv2d', 'ReLU', 'Dropout'] * 2 + ['Conv2d']


def test_a_layer_without_bias_stays_without():
    convs = tail_to_convs([nn.Linear(8, 3, bias=False)], (2, 2, 2))
    assert convs[0].bias is None


@pytest.mark.parametrize('module', [nn.AdaptiveAvgPool2d(7), nn.BatchNorm1d(4)])
def test_another_module_is_refused_by_its_name(module):
    with pytest.raises(ValueError, match=rf'{type(module).__name__} .*last pool'):
        tail_to_convs([module, nn.Linear(8, 3)], (2, 2, 2))


@pytest.mark.parametrize('map_shape', [(2, 2, 3), (4, 2, 2)])
def test_a_map_of_another_shape_is_refused(map_shape):
    with pytest.raises(ValueError, match=r'takes 8 numbers.*give the map_shape'):
        tail_to_convs([nn.Linear(8, 3)], map_shape)
