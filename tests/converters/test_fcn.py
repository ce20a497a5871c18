"""The authors' FCN weights in our networks give the authors' numbers."""

import logging

import pytest
import torch
from reference.fcn import enlarge, fcn, features
from torch import Tensor
from torch.nn.functional import conv2d

from mmseg_plugins.backbones import FCNVGG
from mmseg_plugins.backbones.fcn_vgg import VGG_STAGES, conv_names
from mmseg_plugins.converters import convert_fcn
from mmseg_plugins.decode_heads import FCNSkipHead

WIDTH, FC_CHANNELS, CLASSES = 4, 12, 5
STAGES = VGG_STAGES[16]
SKIPS = {32: {}, 16: {'score_pool4': 8}, 8: {'score_pool4': 8, 'score_pool3': 4}}
UPSAMPLING = {
    32: {'upscore': 32},
    16: {'upscore2': 2, 'upscore16': 16},
    8: {'upscore2': 2, 'upscore_pool4': 2, 'upscore8': 8},
}
SCALES = {'score_pool4': 0.01, 'score_pool3': 0.0001}
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


def random_layer(name: str, out: int, inputs: int, size: int) -> dict[str, Tensor]:
    """Weights that keep the activations near one, layer after layer."""
    kernel = torch.randn(out, inputs, size, size, dtype=torch.float64)
    bias = torch.randn(out, dtype=torch.float64) / 10
    std = (2 / (inputs * size**2)) ** 0.5
    return {f'{name}.weight': std * kernel, f'{name}.bias': bias}


def caffe_weights(stride: int) -> dict[str, Tensor]:
    """A slim FCN of VGG16 as the authors' files name it."""
    torch.manual_seed(stride)
    weights: dict[str, Tensor] = {}
    inputs = 3
    for stage, names in enumerate(conv_names(16)):
        for name in names:
            out = WIDTH * min(8, 2**stage)
            weights |= random_layer(name, out, inputs, 3)
            inputs = out
    weights |= random_layer('fc6', FC_CHANNELS, inputs, 7)
    weights |= random_layer('fc7', FC_CHANNELS, FC_CHANNELS, 1)
    weights |= random_layer('score_fr', CLASSES, FC_CHANNELS, 1)
    for name, widening in SKIPS[stride].items():
        weights |= random_layer(name, CLASSES, WIDTH * widening, 1)
    for name, factor in UPSAMPLING[stride].items():
        weights[f'{name}.weight'] = bilinear(CLASSES, 2 * factor)
    return weights


def with_scales(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the net trained at once, with its scale layers."""
    scales = {
        f'{name.replace("score", "scale")}.weight': weights[f'{name}.weight'].new_full(
            weights[f'{name}.weight'].shape[1:2], value
        )
        for name, value in SCALES.items()
    }
    return weights | scales


def pairs(weights: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    names = [key.removesuffix('.bias') for key in weights if key.endswith('.bias')]
    return {
        name: (weights[f'{name}.weight'], weights[f'{name}.bias']) for name in names
    }


@torch.no_grad()
def ours(image: Tensor, converted: dict[str, Tensor], stride: int) -> Tensor:
    """Logits of our network, loaded strictly."""
    count = len(SKIPS[stride]) + 1
    backbone = FCNVGG(
        base_channels=WIDTH, fc_channels=FC_CHANNELS, out_indices=(2, 3, 4)[-count:]
    )
    head = FCNSkipHead(
        in_channels=[WIDTH * 4, WIDTH * 8, FC_CHANNELS][-count:],
        in_index=list(range(count)),
        strides=(8, 16, 32)[-count:],
        num_classes=CLASSES,
    )
    net = torch.nn.ModuleDict(dict(backbone=backbone, decode_head=head))
    net.double().eval().load_state_dict(converted, strict=True)
    return head.predict(backbone(image), [dict(img_shape=image.shape[2:])], None)


def explicitly_scaled(image: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """The net trained at once, with its scales on the inputs of the scores."""
    levels = features(image, pairs(weights), STAGES)
    score = conv2d(levels[5], *pairs(weights)['score_fr'])
    for pool, level in (('pool4', levels[3]), ('pool3', levels[2])):
        scaled = level * weights[f'scale_{pool}.weight'][:, None, None]
        skip = conv2d(scaled, *pairs(weights)[f'score_{pool}'])
        score = enlarge(score, 2)[:, :, : skip.shape[2], : skip.shape[3]] + skip
    return enlarge(score, 8)[:, :, : image.shape[2], : image.shape[3]]


def assert_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.fixture
def image():
    torch.manual_seed(0)
    return torch.randn(1, 3, 97, 130, dtype=torch.float64)


@every_stride
def test_our_net_gives_the_numbers_of_the_authors_weights(stride, image):
    weights = caffe_weights(stride)
    actual = ours(image, convert_fcn(weights), stride)
    expected = fcn(image, pairs(weights), STAGES, stride)
    assert expected.std() > 0.1
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ('one', 'other'),
    [('conv3_2.weight', 'conv3_3.weight'), ('conv1_1.bias', 'conv1_2.bias')],
)
def test_control_two_swapped_weights_give_other_numbers(one, other, image):
    weights = caffe_weights(8)
    swapped = {**weights, one: weights[other], other: weights[one]}
    actual = ours(image, convert_fcn(swapped), 8)
    assert (actual - fcn(image, pairs(weights), STAGES, 8)).abs().max() > 1e-3


@pytest.mark.parametrize('kind', ['constant', 'per channel', 'argument', 'arch'])
def test_scales_are_folded(kind, image):
    bare = caffe_weights(8)
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
    actual = ours(image, converted, 8)
    expected = explicitly_scaled(image, weights)
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
    for key in ('fc6.weight', 'fc7.weight'):
        if form == 'matrix':
            other[key] = weights[key].flatten(1)
        elif form == 'old Caffe':
            other[key] = weights[key].flatten(1)[None, None]
            bias = key.replace('weight', 'bias')
            other[bias] = weights[bias].view(1, 1, 1, -1)
    if form == 'model_state_dict':
        other = {'epoch': 3, 'arch': f'FCN{stride}s', 'model_state_dict': weights}
    elif form == 'module.':
        state_dict = {f'module.{key}': value for key, value in weights.items()}
        other = {'meta': {}, 'state_dict': state_dict}
    assert_equal(convert_fcn(other), convert_fcn(weights))


@every_stride
def test_every_key_is_used_once_and_the_source_is_kept(stride):
    weights = caffe_weights(stride)
    before = {key: value.clone() for key, value in weights.items()}
    assert len(convert_fcn(weights)) == len(weights) - len(UPSAMPLING[stride])
    assert_equal(weights, before)


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


@every_stride
def test_every_missing_weight_is_named(stride):
    weights = caffe_weights(stride)
    for key in weights:
        without = {k: v for k, v in weights.items() if k != key}
        with pytest.raises(ValueError, match=f"'{key}' is missing: give all weights"):
            convert_fcn(without)


@pytest.mark.parametrize(
    'key',
    ['score_fr_sem.weight', 'upscore16.weight', 'fc8.bias', 'backbone.conv1_1.weight'],
)
def test_every_unknown_key_is_named(key):
    weights = with_scales(caffe_weights(8)) | {key: torch.zeros(CLASSES)}
    with pytest.raises(ValueError, match=f"'{key}' is not a key of FCN-8s of VGG16"):
        convert_fcn(weights)


@pytest.mark.parametrize(
    ('key', 'shape', 'words'),
    [
        ('conv2_1.weight', (8, 4, 5, 5), r'conv2_1.*\(8, 4, 5, 5\)'),
        ('conv2_1.weight', (8, 3, 3, 3), r'conv2_1.*\(8, 3, 3, 3\).*\(8, 4, 3, 3\)'),
        ('conv2_1.bias', (7,), r'conv2_1.*\(7,\)'),
        ('fc6.weight', (12, 33), r'fc6.*\(12, 33\)'),
        ('score_pool3.weight', (5, 32, 1, 1), r'score_pool3.*\(5, 16, 1, 1\)'),
        ('score_pool3.weight', (6, 16, 1, 1), r'score_pool3.*\(5, 16, 1, 1\)'),
        ('upscore8.weight', (5, 1, 16, 16), r'\(5, 1, 16, 16\).*\(5, 5, 16, 16\)'),
        ('scale_pool4.weight', (16,), 'has 32 input channels, its scale layer has 16'),
    ],
)
def test_a_weight_of_another_shape_is_refused(key, shape, words):
    with pytest.raises(ValueError, match=words):
        convert_fcn(with_scales(caffe_weights(8)) | {key: torch.zeros(shape)})


def test_at_once_is_refused_for_a_net_without_both_skips():
    with pytest.raises(ValueError, match=r'at_once=True: only for FCN-8s.* FCN-16s'):
        convert_fcn(caffe_weights(16), at_once=True)
