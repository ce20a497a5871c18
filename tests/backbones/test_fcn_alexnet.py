"""FCNAlexNet against the authors' network."""

import pytest
import torch
from torch import Tensor

import tests.reference.fcn_alexnet
from mmseg_plugins.backbones import FCNAlexNet, fcn_alexnet
from mmseg_plugins.converters import convert_fcn
from mmseg_plugins.decode_heads import FCNPad100Head
from tests.converters.test_fcn import CLASSES, bilinear
from tests.reference.fcn_alexnet import alexnet_features, authors_alexnet

pytestmark = pytest.mark.one_line

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


def caffenet_fcn() -> dict[str, Tensor]:
    """A slim FCN-AlexNet as the authors' file names it."""
    torch.manual_seed(0)
    weights = {'upscore.weight': bilinear(CLASSES, 63)}
    for name, (out, inputs, size) in LAYERS.items():
        kernel = torch.randn(out, inputs, size, size, dtype=torch.float64)
        weights[f'{name}.weight'] = (2 / (inputs * size**2)) ** 0.5 * kernel
        weights[f'{name}.bias'] = torch.randn(out, dtype=torch.float64)
    return weights


def caffenet() -> dict[str, Tensor]:
    """The classifier that became the network above."""
    weights = {k: v for k, v in caffenet_fcn().items() if 'score' not in k}
    for key in ('fc6.weight', 'fc7.weight'):
        weights[key] = weights[key].flatten(1)
    fc8 = {'fc8.weight': torch.ones(7, FC_CHANNELS), 'fc8.bias': torch.ones(7)}
    return weights | fc8


def make_caffenet(**kwargs) -> FCNAlexNet:
    torch.manual_seed(1)
    kwargs = dict(base_channels=6, fc_channels=FC_CHANNELS) | kwargs
    return FCNAlexNet(**kwargs).double().eval()


@torch.no_grad()
def differences(size: tuple[int, int]) -> list[float]:
    """Compare fc7 and the logits of our network with the authors'."""
    torch.manual_seed(2)  # values as of Caffe's images: the normalisation matters
    image = 60 * torch.randn(2, 3, *size, dtype=torch.float64)
    levels = dict(in_channels=[FC_CHANNELS], in_index=[0], strides=[32])
    head = FCNPad100Head(**levels, num_classes=CLASSES, centre=13)
    net = torch.nn.ModuleDict(dict(backbone=make_caffenet(), decode_head=head))
    weights = caffenet_fcn()
    net.double().eval().load_state_dict(convert_fcn(weights), strict=True)
    pairs = {k: (weights[f'{k}.weight'], weights[f'{k}.bias']) for k in LAYERS}
    pairs['upscore'] = weights['upscore.weight']
    maps = net['backbone'](image)
    logits = head.predict(maps, [dict(img_shape=size)] * 2, None)
    assert logits.shape == (2, CLASSES, *size)
    expected = authors_alexnet(image, pairs)
    height, width = expected.shape[2:]  # less than the image's for a wrong crop
    return [
        ((actual - wanted).abs().max() / wanted.abs().max()).item()
        for actual, wanted in [
            (maps[0], alexnet_features(image, pairs)),
            (logits[..., :height, :width], expected),
        ]
    ]


@pytest.mark.parametrize('size', [(50, 121), (64, 96), (97, 131), (224, 224), (1, 1)])
def test_fc7_and_logits_equal_the_authors_network(size):
    fc7, logits = differences(size)
    assert fc7 < 1e-12
    assert logits < 1e-10


def normalize_and_pool(x: Tensor) -> Tensor:
    return tests.reference.fcn_alexnet.pool(tests.reference.fcn_alexnet.normalize(x))


@pytest.mark.parametrize(
    ('part', 'spoilt'),
    [
        pytest.param('normalize', lambda x: x, id='no normalisation'),
        pytest.param('pool_and_normalize', normalize_and_pool, id='its order swapped'),
        pytest.param('CROP', 19, id='crop off by one'),
    ],
)
def test_control_a_spoilt_network_of_the_authors_differs(part, spoilt, monkeypatch):
    monkeypatch.setattr(tests.reference.fcn_alexnet, part, spoilt)
    assert differences((97, 131))[1] > 1e-2


def test_the_number_of_parameters_is_the_papers():
    with torch.device('meta'):
        backbone = FCNAlexNet()
    score = 21 * (4096 + 1)
    assert sum(p.numel() for p in backbone.parameters()) + score == 56_954_261  # 57 M


def test_normalisation_of_half_precision_does_not_overflow():
    x = torch.full((1, 6, 2, 2), 1000.0)
    half = fcn_alexnet.local_response_norm(x.half())
    assert half.dtype == torch.float16
    expected = fcn_alexnet.local_response_norm(x)
    torch.testing.assert_close(half.float(), expected, rtol=1e-3, atol=0)
