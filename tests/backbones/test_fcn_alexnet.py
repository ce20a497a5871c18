"""FCNAlexNet against the authors' network, and the checkpoints it takes."""

import pytest
import reference.fcn_alexnet
import torch
from mmengine.runner.checkpoint import load_state_dict
from reference.fcn_alexnet import alexnet_features, authors_alexnet
from test_fcn import bilinear
from torch import Tensor

from mmseg_plugins.backbones import FCNAlexNet, fcn_alexnet
from mmseg_plugins.converters import convert_fcn
from mmseg_plugins.decode_heads import FCNSkipHead
from mmseg_plugins.layers import crop

WIDTH, FC_CHANNELS, CLASSES = 6, 10, 5
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


def caffe_weights() -> dict[str, Tensor]:
    """A slim FCN-AlexNet as the authors' file names it."""
    torch.manual_seed(0)
    weights = {}
    for name, (out, inputs, size) in LAYERS.items():
        kernel = torch.randn(out, inputs, size, size, dtype=torch.float64)
        weights[f'{name}.weight'] = kernel * (2 / kernel[0].numel()) ** 0.5
        weights[f'{name}.bias'] = torch.randn(out, dtype=torch.float64)
    weights['upscore.weight'] = bilinear(CLASSES, 63)
    return weights


def classifier_weights() -> dict[str, Tensor]:
    """What the weights above were before they became convolutional."""
    weights = {
        key: value.flatten(1) if key in ('fc6.weight', 'fc7.weight') else value
        for key, value in caffe_weights().items()
        if not key.startswith(('score', 'upscore'))
    }
    return weights | {
        'fc8.weight': torch.ones(7, FC_CHANNELS),
        'fc8.bias': torch.ones(7),
    }


def pairs(weights: dict[str, Tensor]) -> dict:
    layers = {k: (weights[f'{k}.weight'], weights[f'{k}.bias']) for k in LAYERS}
    return layers | {'upscore': weights['upscore.weight']}


def make_backbone(fc_channels: int = FC_CHANNELS, **kwargs) -> FCNAlexNet:
    torch.manual_seed(1)
    return FCNAlexNet(base_channels=WIDTH, fc_channels=fc_channels, **kwargs)


def make_head() -> FCNSkipHead:
    return FCNSkipHead(
        in_channels=[FC_CHANNELS],
        in_index=[0],
        strides=[32],
        num_classes=CLASSES,
        align='pad100',
        centre=13,
    )


@torch.no_grad()
def logits(image: Tensor) -> Tensor:
    """Those of our parts, with the authors' weights loaded strictly."""
    parts = dict(backbone=make_backbone(), decode_head=make_head())
    net = torch.nn.ModuleDict(parts).double().eval()
    net.load_state_dict(convert_fcn(caffe_weights()), strict=True)
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
    backbone, image = make_backbone().double().eval(), random_image(size)
    backbone.load_state_dict(classifier_weights())
    expected = alexnet_features(image, pairs(caffe_weights()))
    with torch.no_grad():
        assert relative_difference(backbone(image)[0], expected) < 1e-12


@pytest.mark.parametrize('size', SIZES)
def test_logits_equal_the_authors_network(size):
    image = random_image(size)
    expected = authors_alexnet(image, pairs(caffe_weights()))
    assert expected.shape == (2, CLASSES, *size)
    assert relative_difference(logits(image), expected) < 1e-10


def floor_pool(x: Tensor) -> Tensor:
    return torch.nn.functional.max_pool2d(x, 3, 2)


def first_half_only(x: Tensor, kernel: Tensor, bias: Tensor, padding: int) -> Tensor:
    half = x[:, : kernel.shape[1]]
    return torch.nn.functional.conv2d(half, kernel, bias, padding=padding)


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
    expected = authors_alexnet(image, pairs(caffe_weights()))
    ours = crop(logits(image), expected.shape[2:])
    assert relative_difference(ours, expected) > 1e-2


def test_logits_have_the_images_size():
    lengths = (1, 7, 17, 31, 32, 33, 50, 97, 224, 375, 500)
    with torch.device('meta'):  # sizes only
        backbone, head = make_backbone().eval(), make_head()
        for height in lengths:
            for width in lengths:
                image = torch.empty(2, 3, height, width)
                metas = [dict(img_shape=image.shape[2:])] * 2
                shape = head.predict(backbone(image), metas, None).shape
                assert shape == (2, CLASSES, height, width)


def test_parameter_count_is_the_papers():
    with torch.device('meta'):
        backbone = FCNAlexNet()
    score = 21 * (4096 + 1)
    assert sum(p.numel() for p in backbone.parameters()) + score == 56_954_261  # 57 M


def test_normalisation_of_half_precision_does_not_overflow():
    x = torch.full((1, 6, 2, 2), 1000.0)
    half = fcn_alexnet._normalize(x.half())
    assert half.dtype == torch.float16
    torch.testing.assert_close(
        half.float(), fcn_alexnet._normalize(x), rtol=1e-3, atol=0
    )


def test_dropout_drops_elements_not_channels():
    level = make_backbone().train()(random_image((224, 224)).float())[0]
    per_channel = (level == 0).transpose(0, 1).flatten(1).float().mean(1)
    assert ((per_channel > 0) & (per_channel < 1)).any()


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What FCNAlexNet logs."""
    texts = []
    monkeypatch.setattr(fcn_alexnet, 'print_log', lambda text, **_: texts.append(text))
    return texts


@pytest.mark.parametrize('form', ['matrices', 'old caffemodel', 'convolutions'])
@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_a_classifiers_checkpoint_is_taken_whole(form, prefix, said):
    whole, source = caffe_weights(), classifier_weights()
    if form == 'old caffemodel':
        source = {
            k: v if v.ndim == 4 else v.view(*[1] * (4 - v.ndim), *v.shape)
            for k, v in source.items()
        }
    elif form == 'convolutions':
        source |= {k: whole[k] for k in ('fc6.weight', 'fc7.weight')}
    backbone = make_backbone().double()
    source = {prefix + key: value for key, value in source.items()}
    load_state_dict(backbone, dict(source), strict=True)
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, whole[name.replace('.conv', '')])
    assert said == ['FCNAlexNet took its weights from a classifier']


def test_control_a_matrix_flattened_channel_last_differs():
    source = classifier_weights()
    last = source['fc6.weight'].view(FC_CHANNELS, 6, 6, 16).permute(0, 3, 1, 2)
    assert not torch.equal(last, caffe_weights()['fc6.weight'])


def test_its_own_checkpoint_loads_strictly(said):
    backbone, twin = make_backbone(), make_backbone()
    for parameter in twin.parameters():
        torch.nn.init.zeros_(parameter)
    twin.load_state_dict(backbone.state_dict())
    for key, value in twin.state_dict().items():
        assert torch.equal(value, backbone.state_dict()[key])
    assert said == []


def test_a_classifier_loads_through_init_cfg(tmp_path):
    file = tmp_path / 'caffenet.pth'
    torch.save(classifier_weights(), file)
    backbone = make_backbone(init_cfg=dict(type='Pretrained', checkpoint=str(file)))
    backbone.init_weights()
    expected = caffe_weights()['fc6.weight'].float()
    assert torch.equal(backbone.fc6.conv.weight, expected)


@pytest.mark.parametrize('reason', ['absent', 'wide'])
def test_a_tail_that_cannot_be_taken_is_left_out_and_said(reason, said):
    source = classifier_weights()
    if reason == 'absent':
        source = {k: v for k, v in source.items() if not k.startswith('fc')}
    backbone = make_backbone(9 if reason == 'wide' else FC_CHANNELS)
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    backbone.load_state_dict(source, strict=False)
    assert (
        'but fc6.conv.weight, fc6.conv.bias, fc7.conv.weight, fc7.conv.bias' in said[0]
    )
    kept = {k for k, v in backbone.state_dict().items() if torch.equal(v, before[k])}
    assert kept == {k for k in before if k.startswith('fc')}


def without(*names: str) -> dict[str, Tensor]:
    source = classifier_weights()
    return {k: v for k, v in source.items() if not k.startswith(names)}


@pytest.mark.parametrize(
    ('source', 'error', 'words'),
    [
        pytest.param(
            {'features.0.weight': torch.ones(64, 3, 11, 11)},
            ValueError,
            r'features.0.weight of \(64, 3, 11, 11\) .*64, 192, 384, 256 and 256 .*'
            '96, 256, 384, 384 and 256',
            id='torchvision',
        ),
        pytest.param({'conv9.weight': torch.ones(1)}, KeyError, 'conv9', id='no layer'),
        pytest.param(without('conv3'), KeyError, 'conv3 is missing', id='no conv3'),
        pytest.param(
            without('conv1') | {'conv1.weight': torch.ones(12, 3, 11, 11)},
            ValueError,
            r'conv1.conv.weight .*\(12, 3, 11, 11\).*\(6, 3, 11, 11\).*base_channels',
            id='another width',
        ),
        pytest.param(
            without('fc6') | {'fc6.weight': torch.ones(10, 400)},
            ValueError,
            r'fc6 of the checkpoint: a weight of \(10, 400\)',
            id='another kernel',
        ),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(source, error, words):
    with pytest.raises(error, match=words):
        make_backbone().load_state_dict(source)
