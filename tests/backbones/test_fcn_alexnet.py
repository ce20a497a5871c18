"""FCNAlexNet against the authors' network."""

import pytest
import reference.fcn_alexnet
import torch
from reference.fcn_alexnet import alexnet_features, authors_alexnet
from test_fcn import CLASSES, bilinear, random_layer
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from mmseg_plugins.backbones import FCNAlexNet, fcn_alexnet
from mmseg_plugins.converters import convert_fcn
from mmseg_plugins.decode_heads import FCNPad100Head

FC_CHANNELS = 10
LAYERS = {  # name: channels, channels of a kernel, its size
    'conv1': (6, 3, 11),
    'conv2': (16, 3, 5),
    'conv3': (24, 16, 3),
    'conv4': (24, 12, 3),
    'conv5': (16, 12, 3),
    'fc6': (FC_CHANNELS, 16, 6),
    'fc7': (FC_CHANNELS, FC_CHANNELS, 1),
    'score_fr': (CLASSES, FC_CHANNELS, 1),
}
SIZES = [(50, 121), (64, 96), (97, 131), (224, 224), (1, 1)]


def caffenet_fcn() -> dict[str, Tensor]:
    """A slim FCN-AlexNet as the authors' file names it."""
    torch.manual_seed(0)
    weights = {'upscore.weight': bilinear(CLASSES, 63)}
    for name, sizes in LAYERS.items():
        weights |= random_layer(name, *sizes)
        weights[f'{name}.bias'] *= 10
    return weights


def caffenet() -> dict[str, Tensor]:
    """The classifier that became the network above."""
    weights = {k: v for k, v in caffenet_fcn().items() if 'score' not in k}
    for key in ('fc6.weight', 'fc7.weight'):
        weights[key] = weights[key].flatten(1)
    fc8 = {'fc8.weight': torch.ones(7, FC_CHANNELS), 'fc8.bias': torch.ones(7)}
    return weights | fc8


def pairs() -> dict:
    weights = caffenet_fcn()
    layers = {k: (weights[f'{k}.weight'], weights[f'{k}.bias']) for k in LAYERS}
    return layers | {'upscore': weights['upscore.weight']}


def make_caffenet(**kwargs) -> FCNAlexNet:
    torch.manual_seed(1)
    kwargs = dict(base_channels=6, fc_channels=FC_CHANNELS) | kwargs
    return FCNAlexNet(**kwargs).double().eval()


def make_head() -> FCNPad100Head:
    return FCNPad100Head(
        in_channels=[FC_CHANNELS],
        in_index=[0],
        strides=[32],
        num_classes=CLASSES,
        centre=13,
    )


@torch.no_grad()
def logits(image: Tensor) -> Tensor:
    """Logits of our network, with the authors' weights loaded strictly."""
    parts = dict(backbone=make_caffenet(), decode_head=make_head())
    net = torch.nn.ModuleDict(parts).double().eval()
    net.load_state_dict(convert_fcn(caffenet_fcn()), strict=True)
    metas = [dict(img_shape=image.shape[2:])] * len(image)
    return net['decode_head'].predict(net['backbone'](image), metas, None)


def random_image(size: tuple[int, int] = (97, 131)) -> Tensor:
    """Values as of Caffe's images, where the normalisation matters."""
    torch.manual_seed(2)
    return 60 * torch.randn(2, 3, *size, dtype=torch.float64)


def relative_difference(a: Tensor, b: Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


@pytest.mark.parametrize('size', SIZES)
def test_fc7_equals_the_plain_restatement(size):
    backbone, image = make_caffenet(), random_image(size)
    backbone.load_state_dict(caffenet())
    expected = alexnet_features(image, pairs())
    with torch.no_grad():
        assert relative_difference(backbone(image)[0], expected) < 1e-12


@pytest.mark.parametrize('size', SIZES)
def test_logits_equal_the_authors_network(size):
    image = random_image(size)
    expected = authors_alexnet(image, pairs())
    assert expected.shape == (2, CLASSES, *size)
    assert relative_difference(logits(image), expected) < 1e-10


def floor_pool(x: Tensor) -> Tensor:
    return max_pool2d(x, 3, 2)


def first_half_only(x: Tensor, kernel: Tensor, bias: Tensor, padding: int) -> Tensor:
    return conv2d(x[:, : kernel.shape[1]], kernel, bias, padding=padding)


def normalize_and_pool(x: Tensor) -> Tensor:
    return reference.fcn_alexnet.pool(reference.fcn_alexnet.normalize(x))


@pytest.mark.parametrize(
    ('part', 'spoilt'),
    [
        pytest.param('normalize', lambda x: x, id='no normalisation'),
        pytest.param('pool_and_normalize', normalize_and_pool, id='its order swapped'),
        pytest.param('pool', floor_pool, id='floor pools'),
        pytest.param('conv_of_two_groups', first_half_only, id='groups ignored'),
        pytest.param('CROP', 19, id='crop off by one'),
    ],
)
def test_control_a_spoilt_network_of_the_authors_differs(part, spoilt, monkeypatch):
    image = random_image()
    monkeypatch.setattr(reference.fcn_alexnet, part, spoilt)
    expected = authors_alexnet(image, pairs())
    height, width = expected.shape[2:]
    actual = logits(image)[:, :, :height, :width]
    assert relative_difference(actual, expected) > 1e-2


def test_the_number_of_parameters_is_the_papers():
    with torch.device('meta'):
        backbone = FCNAlexNet()
    score = 21 * (4096 + 1)
    assert sum(p.numel() for p in backbone.parameters()) + score == 56_954_261  # 57 M


def test_normalisation_of_half_precision_does_not_overflow():
    x = torch.full((1, 6, 2, 2), 1000.0)
    half = fcn_alexnet._normalize(x.half())
    assert half.dtype == torch.float16
    expected = fcn_alexnet._normalize(x)
    torch.testing.assert_close(half.float(), expected, rtol=1e-3, atol=0)


def test_a_symbolic_trace_keeps_the_normalisation_as_a_node():
    backbone = make_caffenet()
    graph = torch.fx.symbolic_trace(backbone)
    assert [node.name for node in graph.graph.nodes].count('_normalize') == 1
    image = random_image()
    torch.testing.assert_close(graph(image), backbone(image), rtol=0, atol=0)


@pytest.mark.parametrize('base_channels', [0, 64])
def test_other_widths_are_refused(base_channels):
    with pytest.raises(ValueError, match=rf'={base_channels}: must be 6, 12, 18'):
        FCNAlexNet(base_channels=base_channels)


def test_dropout_drops_elements_not_channels():
    level = make_caffenet().train()(random_image((224, 224)))[0]
    per_channel = (level == 0).transpose(0, 1).flatten(1).double().mean(1)
    assert ((per_channel > 0) & (per_channel < 1)).any()
