"""FCNGoogLeNet against Caffe's bvlc_googlenet."""

import convert
import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

import tests.reference.googlenet
from mmseg_plugins.backbones import FCNGoogLeNet
from tests.converters.test_caffemodel import layer, layers, old_layer, save
from tests.reference.googlenet import googlenet

pytestmark = pytest.mark.one_line

WIDTH, LEVELS = 16, ['conv1', 'norm2', '3b', '4e', '5b']
BN = dict(type='BN')


def image_of(height: int, width: int) -> Tensor:
    torch.manual_seed(1)  # values as of Caffe's images: the normalisation matters
    return 60 * torch.randn(1, 3, height, width, dtype=torch.float64)


def caffe_googlenet() -> dict[str, Tensor]:
    """A slim classifier with Caffe's names, and a part of an auxiliary classifier."""
    weights: dict[str, Tensor] = {}
    googlenet(image_of(224, 224), weights, WIDTH)
    auxiliary = {f'loss1/conv.{slot}': torch.ones(2) for slot in ('weight', 'bias')}
    matrix = weights['loss3/classifier.weight'].flatten(1)
    return auxiliary | weights | {'loss3/classifier.weight': matrix}


def make(**kwargs) -> FCNGoogLeNet:
    kwargs = dict(base_channels=WIDTH, out_indices=(0, 1, 2, 3, 4)) | kwargs
    return FCNGoogLeNet(**kwargs).double().eval()


def difference(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@torch.no_grad()
def differences(net: FCNGoogLeNet, weights: dict[str, Tensor]) -> list[float]:
    """Compare the levels, and the mean of the scores with the classifier."""
    image, kernel = image_of(224, 224), weights['loss3/classifier.weight']
    kernel = kernel[..., None, None]
    levels = net(image)
    scores = conv2d(levels[-1], kernel, weights['loss3/classifier.bias'])
    expected = googlenet(image, weights | {'loss3/classifier.weight': kernel}, WIDTH)
    pairs = [(levels[i], expected[name]) for i, name in enumerate(LEVELS)]
    pairs.append((scores.mean((2, 3)), expected['classifier']))
    return [difference(*pair) for pair in pairs]


@pytest.mark.parametrize('make_layer', [layer, old_layer])
def test_levels_and_mean_score_equal_the_caffemodel(make_layer, tmp_path):
    weights, old = caffe_googlenet(), make_layer is old_layer
    source = tmp_path / 'googlenet.caffemodel'
    save(source, *layers(weights, make_layer, old=old))
    target = str(tmp_path / 'googlenet.pth')
    assert convert.main(['googlenet', str(source), target]) == 0
    net = make(init_cfg=dict(type='Pretrained', checkpoint=target))
    net.init_weights()
    assert max(differences(net, weights)) < 1e-12


@pytest.mark.parametrize(
    ('part', 'spoilt'),
    [
        pytest.param('normalize', lambda x: x, id='no normalisation'),
        pytest.param('pool', lambda x: max_pool2d(x, 2), id='2 x 2 pools'),
    ],
)
def test_control_a_spoilt_classifier_differs(part, spoilt, monkeypatch):
    net, weights = make(), caffe_googlenet()
    net.load_state_dict(weights)
    monkeypatch.setattr(tests.reference.googlenet, part, spoilt)
    assert differences(net, weights)[-1] > 1e-2


@pytest.mark.parametrize('norm_cfg', [None, BN])
@pytest.mark.parametrize('size', [(1, 1), (97, 131)])
def test_each_level_has_the_size_divided_by_the_stride_and_rounded_up(size, norm_cfg):
    for i, level in enumerate(make(norm_cfg=norm_cfg)(image_of(*size)), 1):
        assert level.shape[2:] == tuple(-(-n // 2**i) for n in size)


def test_the_number_of_parameters_is_the_papers():
    with torch.device('meta'):
        backbone = FCNGoogLeNet()
    score = 21 * (1024 + 1)
    assert sum(p.numel() for p in backbone.parameters()) + score == 5_995_077  # 6 M


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (dict(norm_cfg=BN), "'conv1.bn.weight' is missing: .* norm_cfg"),
        (dict(base_channels=24), r'conv1.conv.weight is \(16, 3, 7, 7\).*\(24, 3,'),
    ],
)
def test_another_network_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        make(**change).load_state_dict(caffe_googlenet())
