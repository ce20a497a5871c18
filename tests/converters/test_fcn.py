"""The authors' weights in our networks give the authors' numbers."""

import logging

import pytest
import torch
from reference.fcn import enlarge, fcn, features
from torch import Tensor
from torch.nn.functional import conv2d

from mmseg_plugins.backbones import FCNVGG
from mmseg_plugins.converters import convert_fcn
from mmseg_plugins.converters.vgg import VGG_STAGES, conv_names
from mmseg_plugins.decode_heads import FCNSkipHead

WIDTH, FC_CHANNELS, CLASSES = 4, 12, 5
STAGES = VGG_STAGES[16]
SKIPS = {32: [], 16: ['score_pool4'], 8: ['score_pool4', 'score_pool3']}
UPSAMPLING = {
    32: {'upscore': 32},
    16: {'upscore2': 2, 'upscore16': 16},
    8: {'upscore2': 2, 'upscore_pool4': 2, 'upscore8': 8},
}
every_stride = pytest.mark.parametrize('stride', [32, 16, 8])


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


def random_layer(weights: dict, name: str, out: int, inputs: int, size: int) -> None:
    """Weights that keep the activations near one, layer after layer."""
    fan_in = inputs * size**2
    kernel = torch.randn(out, inputs, size, size, dtype=torch.float64)
    weights[f'{name}.weight'] = kernel * (2 / fan_in) ** 0.5
    weights[f'{name}.bias'] = torch.randn(out, dtype=torch.float64) / 10


def caffe_weights(stride: int) -> dict[str, Tensor]:
    """A slim FCN of VGG16 as the authors' files name it."""
    torch.manual_seed(stride)
    weights: dict[str, Tensor] = {}
    inputs = 3
    for name in conv_names(16):
        out = WIDTH * min(8, 2 ** (int(name[4]) - 1))
        random_layer(weights, name, out, inputs, 3)
        inputs = out
    random_layer(weights, 'fc6', FC_CHANNELS, inputs, 7)
    random_layer(weights, 'fc7', FC_CHANNELS, FC_CHANNELS, 1)
    random_layer(weights, 'score_fr', CLASSES, FC_CHANNELS, 1)
    for name in SKIPS[stride]:
        random_layer(weights, name, CLASSES, WIDTH * (8 if '4' in name else 4), 1)
    for name, factor in UPSAMPLING[stride].items():
        weights[f'{name}.weight'] = bilinear(CLASSES, 2 * factor)
    return weights


def with_scales(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the net trained at once, with its scale layers."""
    scales = {'pool4': 0.01, 'pool3': 0.0001}
    extra = {}
    for pool, value in scales.items():
        channels = weights[f'score_{pool}.weight'].shape[1]
        extra[f'scale_{pool}.weight'] = torch.full(
            (channels,), value, dtype=torch.float64
        )
    return weights | extra


def pairs(weights: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    names = [key.removesuffix('.bias') for key in weights if key.endswith('.bias')]
    return {
        name: (weights[f'{name}.weight'], weights[f'{name}.bias']) for name in names
    }


@torch.no_grad()
def ours(image: Tensor, converted: dict[str, Tensor], stride: int) -> Tensor:
    """Logits of our parts, loaded strictly."""
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
    parts = torch.nn.ModuleDict(dict(backbone=backbone, decode_head=head))
    parts.double().eval().load_state_dict(converted, strict=True)
    height, width = image.shape[2:]
    return head(backbone(image))[:, :, :height, :width]


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


@pytest.mark.parametrize('key', ['conv3_2.weight', 'conv1_1.bias'])
def test_control_a_swapped_key_gives_others(key, image):
    weights = caffe_weights(8)
    other = {'conv3_2.weight': 'conv3_3.weight', 'conv1_1.bias': 'conv1_2.bias'}
    swapped = {**weights, key: weights[other[key]], other[key]: weights[key]}
    actual = ours(image, convert_fcn(swapped), 8)
    assert (actual - fcn(image, pairs(weights), STAGES, 8)).abs().max() > 1e-3


def explicitly_scaled(image: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """The at-once net with its scales where it has them: on the input of the scores."""
    levels = features(image, pairs(weights), STAGES)
    score = conv2d(levels[5], *pairs(weights)['score_fr'])
    for pool, level in (('pool4', levels[3]), ('pool3', levels[2])):
        scaled = level * weights[f'scale_{pool}.weight'][:, None, None]
        skip = conv2d(scaled, *pairs(weights)[f'score_{pool}'])
        score = enlarge(score, 2)[:, :, : skip.shape[2], : skip.shape[3]] + skip
    return enlarge(score, 8)[:, :, : image.shape[2], : image.shape[3]]


@pytest.mark.parametrize('kind', ['constant', 'per channel'])
def test_scales_are_folded(kind, image):
    weights = with_scales(caffe_weights(8))
    if kind == 'per channel':
        for key in ('scale_pool4.weight', 'scale_pool3.weight'):
            weights[key] = torch.linspace(0.5, 2, len(weights[key])).double()
    actual = ours(image, convert_fcn(weights), 8)
    expected = explicitly_scaled(image, weights)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('mistake', ['bias too', 'output only', 'not at all'])
def test_control_scales_folded_otherwise_differ(mistake, image):
    weights = with_scales(caffe_weights(8))
    converted = convert_fcn(weights)
    for pool in ('pool4', 'pool3'):
        weight, bias = (f'decode_head.score_{pool}.{s}' for s in ('weight', 'bias'))
        if mistake == 'bias too':
            converted[bias] = converted[bias] * weights[f'scale_{pool}.weight'][0]
        elif mistake == 'output only':
            converted[weight] = weights[f'score_{pool}.weight']
            converted[bias] = converted[bias] * weights[f'scale_{pool}.weight'][0]
        else:
            converted[weight] = weights[f'score_{pool}.weight']
    actual = ours(image, converted, 8)
    assert (actual - explicitly_scaled(image, weights)).abs().max() > 1e-2


@pytest.mark.parametrize('said_by', ['the caller', 'the checkpoint'])
def test_scales_that_are_only_in_the_code_are_folded(said_by, image):
    weights = caffe_weights(8)
    if said_by == 'the caller':
        converted = convert_fcn(weights, at_once=True)
    else:
        converted = convert_fcn({'arch': 'FCN8sAtOnce', 'model_state_dict': weights})
    expected = explicitly_scaled(image, with_scales(weights))
    actual = ours(image, converted, 8)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


def test_scales_of_the_checkpoint_are_not_folded_twice():
    weights = with_scales(caffe_weights(8))
    assert_equal(convert_fcn(weights, at_once=True), convert_fcn(weights))


def assert_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@every_stride
@pytest.mark.parametrize('form', ['flat matrix', 'caffe', 'nested', 'mmengine'])
def test_every_form_converts_to_the_same(stride, form):
    weights = caffe_weights(stride)
    other: dict = dict(weights)
    for key in ('fc6.weight', 'fc7.weight'):
        if form == 'flat matrix':
            other[key] = weights[key].flatten(1)
        elif form == 'caffe':
            other[key] = weights[key].flatten(1)[None, None]
            bias = key.replace('weight', 'bias')
            other[bias] = weights[bias].view(1, 1, 1, -1)
    if form == 'nested':
        arch = f'FCN{stride}s'
        other = {'epoch': 3, 'arch': arch, 'model_state_dict': weights}
    elif form == 'mmengine':
        other = {'meta': {}, 'state_dict': weights}
    assert_equal(convert_fcn(other), convert_fcn(weights))


@every_stride
def test_every_key_is_used_once_and_the_source_is_kept(stride):
    weights = caffe_weights(stride)
    before = {key: value.clone() for key, value in weights.items()}
    converted = convert_fcn(weights)
    assert_equal(weights, before)
    assert len(converted) == len(weights) - len(UPSAMPLING[stride])


@every_stride
def test_learned_deconvolutions_are_kept_as_they_are(stride):
    weights = caffe_weights(stride)
    bilinear_only = convert_fcn(weights)
    ours_of = {'upscore': 'upscore32', 'upscore2': 'upscore_pool5'}
    for name in UPSAMPLING[stride]:
        weights[f'{name}.weight'] += 1e-5 * torch.randn_like(weights[f'{name}.weight'])
    converted = convert_fcn(weights)
    for name in UPSAMPLING[stride]:
        key = f'decode_head.{ours_of.get(name, name)}.weight'
        assert torch.equal(converted.pop(key), weights[f'{name}.weight'])
    assert_equal(converted, bilinear_only)


def test_one_learned_deconvolution_does_not_keep_the_others():
    weights = caffe_weights(8)
    weights['upscore_pool4.weight'][0, 1] = 0.1
    upsampling = [key for key in convert_fcn(weights) if 'upscore' in key]
    assert upsampling == ['decode_head.upscore_pool4.weight']


def test_a_rounded_bilinear_kernel_is_left_out():
    weights = caffe_weights(32)
    weights['upscore.weight'] += 1e-7
    assert not [key for key in convert_fcn(weights) if 'upscore' in key]


@every_stride
def test_every_missing_layer_is_named(stride):
    weights = caffe_weights(stride)
    for key in weights:
        without = {k: v for k, v in weights.items() if k != key}
        with pytest.raises(KeyError, match=f"'{key}' is missing"):
            convert_fcn(without)


@pytest.mark.parametrize(
    'key', ['score_fr_sem.weight', 'upscore16.weight', 'fc8.bias', 'scale_pool3.bias']
)
def test_every_surplus_key_is_named(key):
    weights = with_scales(caffe_weights(8)) | {key: torch.zeros(CLASSES)}
    with pytest.raises(KeyError, match=f"'{key}' is no layer of FCN-8s of VGG16"):
        convert_fcn(weights)


@pytest.mark.parametrize(
    ('weights', 'error', 'words'),
    [
        ({'layer1.0.weight': torch.zeros(1)}, KeyError, r"score_fr.*\['layer1\.0\.wei"),
        ({}, KeyError, "'score_fr.weight' is missing"),
        ({'backbone.conv1.weight': torch.zeros(1)}, ValueError, 'give .* to load_from'),
    ],
)
def test_another_network_is_refused(weights, error, words):
    with pytest.raises(error, match=words):
        convert_fcn(weights)


def test_a_classifier_is_sent_to_the_backbone():
    weights = caffe_weights(32)
    weights = {k: v for k, v in weights.items() if 'score' not in k}
    with pytest.raises(KeyError, match='init_cfg of FCNVGG'):
        convert_fcn(weights)


@pytest.mark.parametrize(
    ('key', 'shape', 'words'),
    [
        ('conv2_1.weight', (8, 4, 5, 5), r'conv2_1\.weight: .*\(8, 4, 5, 5\)'),
        ('conv2_1.weight', (8, 3, 3, 3), r'conv2_1.*\(8, 3, 3, 3\).*conv1_2 gives 4'),
        ('conv2_1.bias', (7,), r'conv2_1.*conv2_1\.bias has 7'),
        ('fc6.weight', (12, 33), r'fc6\.weight: .*\(12, 33\)'),
        ('score_pool3.weight', (5, 32, 1, 1), 'score_pool3.*conv3_3 gives 16'),
        ('score_pool3.weight', (6, 16, 1, 1), 'score_pool3.bias has 5'),
        (
            'upscore8.weight',
            (5, 1, 16, 16),
            r'\(5, 1, 16, 16\), must be \(5, 5, 16, 16',
        ),
        ('upscore2.weight', (6, 6, 4, 4), r'\(6, 6, 4, 4\), must be \(5, 5, 4, 4\)'),
        ('scale_pool4.weight', (16,), 'has 16 numbers, score_pool4 takes 32'),
    ],
)
def test_a_weight_of_another_shape_is_refused(key, shape, words):
    with pytest.raises(ValueError, match=words):
        convert_fcn(with_scales(caffe_weights(8)) | {key: torch.zeros(shape)})


def test_at_once_is_refused_for_a_net_without_both_skips():
    with pytest.raises(ValueError, match='at_once=True is for FCN-8s, this is FCN-16s'):
        convert_fcn(caffe_weights(16), at_once=True)


def alexnet_weights() -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    random_layer(weights, 'conv1', 4, 3, 11)
    random_layer(weights, 'conv2', 8, 2, 5)
    random_layer(weights, 'conv3', 6, 8, 3)
    random_layer(weights, 'conv4', 6, 3, 3)
    random_layer(weights, 'conv5', 4, 3, 3)
    random_layer(weights, 'fc6', FC_CHANNELS, 4, 6)
    random_layer(weights, 'fc7', FC_CHANNELS, FC_CHANNELS, 1)
    random_layer(weights, 'score_fr', CLASSES, FC_CHANNELS, 1)
    return weights | {'upscore.weight': bilinear(CLASSES, 63)}


def test_alexnet_with_its_grouped_convolutions():
    weights = alexnet_weights()
    converted = convert_fcn(weights)
    assert torch.equal(converted['backbone.conv2.conv.weight'], weights['conv2.weight'])
    assert torch.equal(converted['decode_head.conv_seg.bias'], weights['score_fr.bias'])
    assert converted['backbone.fc6.conv.weight'].shape == (FC_CHANNELS, 4, 6, 6)
    assert len(converted) == 16


def test_alexnet_with_skips_is_refused():
    weights = alexnet_weights()
    random_layer(weights, 'score_pool4', CLASSES, 4, 1)
    with pytest.raises(ValueError, match=r'score_pool4.*FCN-AlexNet, .* no skips'):
        convert_fcn(weights)


def test_what_was_done_is_said(caplog):
    weights = with_scales(caffe_weights(8))
    weights['upscore8.weight'][0, 1] = 0.1
    with caplog.at_level(logging.INFO):
        convert_fcn(weights)
    assert caplog.messages == [
        'FCN-8s of VGG16, 5 classes: 37 tensors; scales folded into: score_pool4, '
        'score_pool3; bilinear upsampling left out: upscore_pool5, upscore_pool4; '
        'learned upsampling kept: upscore8'
    ]
