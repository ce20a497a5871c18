"""The authors' FCN weights in our networks give the authors' numbers."""

import logging

import pytest
import torch
from torch import Tensor

from mmseg_plugins.backbones.fcn_vgg import VGG_STAGES
from mmseg_plugins.converters import convert_fcn
from tests.decode_heads.fcn_nets import Net, random_image
from tests.reference.fcn import fcn

pytestmark = pytest.mark.one_line

CLASSES = 5
UPSAMPLING = {
    32: {'upscore': 32},
    16: {'upscore2': 2, 'upscore16': 16},
    8: {'upscore2': 2, 'upscore_pool4': 2, 'upscore8': 8},
}
every_stride = pytest.mark.parametrize('stride', UPSAMPLING)


def bilinear(classes: int, size: int) -> Tensor:
    """The kernel of the authors' surgery.py, entry by entry."""
    weight = torch.zeros(classes, classes, size, size, dtype=torch.float64)
    factor = -(-size // 2)
    center = factor - 1 if size % 2 else factor - 0.5
    for i in range(size):
        for j in range(size):
            value = (1 - abs(i - center) / factor) * (1 - abs(j - center) / factor)
            weight[range(classes), range(classes), i, j] = value
    return weight


def caffe_weights(stride: int) -> dict[str, Tensor]:
    """A slim FCN of VGG16 as the authors' files name it."""
    weights: dict[str, Tensor] = {}
    for name, (kernel, bias) in Net(stride).paper_weights().items():
        weights |= {f'{name}.weight': kernel.detach(), f'{name}.bias': bias.detach()}
    for name, factor in UPSAMPLING[stride].items():
        weights[f'{name}.weight'] = bilinear(CLASSES, 2 * factor)
    return weights


def with_scales(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the net trained at once, with its scale layers."""
    kwargs = dict(dtype=torch.float64)
    pool4, pool3 = torch.full((16,), 0.01, **kwargs), torch.full((8,), 0.0001, **kwargs)
    return weights | {'scale_pool4.weight': pool4, 'scale_pool3.weight': pool3}


def zero_net(stride: int) -> Net:
    """Our network, whose weights must all come from a checkpoint."""
    net = Net(stride)
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    return net


def ours(image: Tensor, converted: dict[str, Tensor], stride: int) -> Tensor:
    net = zero_net(stride)
    net.load_state_dict(converted, strict=True)
    return net(image)


def theirs(image: Tensor, weights: dict[str, Tensor], stride: int) -> Tensor:
    """Logits of the authors' network, with its scale layers if it has any."""
    names = [key.removesuffix('.bias') for key in weights if key.endswith('.bias')]
    pairs = {
        name: (weights[f'{name}.weight'], weights[f'{name}.bias']) for name in names
    }
    keys = ('scale_pool4.weight', 'scale_pool3.weight')
    scales = [weights.get(key, torch.ones(1)).view(-1, 1, 1) for key in keys]
    return fcn(image, pairs, VGG_STAGES[16], stride, scales)


def assert_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@every_stride
def test_our_net_gives_the_numbers_of_the_authors_weights(stride):
    image, weights = random_image((97, 130)), caffe_weights(stride)
    before = {key: value.clone() for key, value in weights.items()}
    converted = convert_fcn(weights)
    assert_equal(weights, before)
    expected = theirs(image, weights, stride)
    assert expected.std() > 0.1
    actual = ours(image, converted, stride)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    one, other = 'conv3_2.weight', 'conv3_3.weight'  # control: swapped
    swapped = {**weights, one: weights[other], other: weights[one]}
    assert (ours(image, convert_fcn(swapped), stride) - expected).abs().max() > 1e-3


@pytest.mark.parametrize('kind', ['constant', 'per channel', 'argument', 'arch'])
def test_scales_are_folded(kind):
    image, bare = random_image((97, 130)), caffe_weights(8)
    weights = with_scales(bare)
    if kind == 'per channel':
        for key in ('scale_pool4.weight', 'scale_pool3.weight'):
            weights[key] = torch.linspace(0.5, 2, len(weights[key])).double()
    if kind == 'argument':
        converted = convert_fcn(bare, at_once=True)
    elif kind == 'arch':  # as the trainer of pytorch-fcn saves it
        converted = convert_fcn({'arch': 'FCN8sAtOnce', 'model_state_dict': bare})
    else:
        converted = convert_fcn(weights)
        assert_equal(convert_fcn(weights, at_once=True), converted)  # not twice
    actual, expected = ours(image, converted, 8), theirs(image, weights, 8)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    for slot in ('weight', 'bias'):  # control: folded wrongly
        key = 'decode_head.score_pool4.' + slot
        wrong = converted | {key: converted[key] * 0.01}
        assert (ours(image, wrong, 8) - expected).abs().max() > 1e-4


@every_stride
@pytest.mark.parametrize('form', ['matrix', 'old Caffe', 'model_state_dict', 'module.'])
def test_every_form_converts_to_the_same(stride, form):
    weights = caffe_weights(stride)
    other: dict = dict(weights)
    for name in ('fc6', 'fc7'):
        matrix, bias = weights[f'{name}.weight'].flatten(1), weights[f'{name}.bias']
        if form == 'matrix':
            other[f'{name}.weight'] = matrix
        elif form == 'old Caffe':
            other[f'{name}.weight'] = matrix[None, None]
            other[f'{name}.bias'] = bias.view(1, 1, 1, -1)
    if form == 'model_state_dict':
        other = {'epoch': 3, 'arch': f'FCN{stride}s', 'model_state_dict': weights}
    elif form == 'module.':
        state_dict = {f'module.{key}': value for key, value in weights.items()}
        other = {'meta': {}, 'state_dict': state_dict}
    assert_equal(convert_fcn(other), convert_fcn(weights))


@every_stride
def test_learned_deconvolutions_are_kept(stride, caplog):
    weights = caffe_weights(stride)
    bilinear_only = convert_fcn(weights)
    rounded = {key: value + 1e-7 for key, value in weights.items() if 'upscore' in key}
    assert convert_fcn(weights | rounded).keys() == bilinear_only.keys()
    our_name = {'upscore': 'upscore32', 'upscore2': 'upscore_pool5'}
    for name in UPSAMPLING[stride]:
        learned = weights[f'{name}.weight'].clone()
        learned[0, 1] += 1e-5
        with caplog.at_level(logging.INFO):
            converted = convert_fcn(weights | {f'{name}.weight': learned})
        key = f'decode_head.{our_name.get(name, name)}.weight'
        assert caplog.messages[-1].endswith(f'learned upsampling: {key}')
        assert torch.equal(converted.pop(key), learned)
        assert_equal(converted, bilinear_only)


@pytest.mark.parametrize(
    ('key', 'shape', 'words'),
    [
        ('conv2_1.weight', (4, 1, 3, 3), r'conv2_1.*\(4, 1, 3, 3\).*\(4, 2, 3, 3\)'),
        ('fc6.weight', (10, 33), r'fc6.*\(10, 33\) does not fit maps of 7 x 7'),
        ('upscore8.weight', (5, 1, 16, 16), r'\(5, 1, 16, 16\).*\(5, 5, 16, 16\)'),
        ('scale_pool4.weight', (8,), 'has 16 input channels, its scale layer has 8'),
    ],
)
def test_a_weight_of_another_shape_is_refused(key, shape, words):
    with pytest.raises(ValueError, match=words):
        convert_fcn(with_scales(caffe_weights(8)) | {key: torch.zeros(shape)})


def test_at_once_is_refused_for_a_net_without_both_skips():
    with pytest.raises(ValueError, match=r'at_once=True: only for FCN-8s.* FCN-16s'):
        convert_fcn(caffe_weights(16), at_once=True)
