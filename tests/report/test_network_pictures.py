"""Pictures of small networks of random weights, and the numbers behind them."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_plugins.datasets.scenes import PALETTE, render_scene
from mmseg_plugins.layers import Encoding, StripPooling
from mmseg_plugins.report.network_pictures import (
    after_each_pass,
    coarse_to_fine,
    draw_heats,
    evaluation_mode,
    look,
    modules_of,
    network_pictures,
)
from tests.tools.tiny_training import ROOT

pytestmark = pytest.mark.one_line
SIZE = (50, 70)
IMAGE = render_scene(3, SIZE)[0]
CONFIGS = {
    'fcn': 'fcn/fcn-8s_vgg13-slim_1xb8-400_scenes-192x256.py',
    'spnet': 'spnet/spnet_r18-d8-slim_1xb4-400_scenes-192x256.py',
    'encnet': 'encnet/encnet_r18-d8-slim_1xb8-400_scenes-192x256.py',
    'dfanet': 'dfanet/dfanet_xception-a_1xb8-400_scenes-192x256.py',
}
TITLES = {
    'fcn': ['From coarse to fine'],
    'spnet': ['Gates of strip pooling', 'Mixed pooling'],
    'encnet': ['Codewords of the pixels', 'Classes that the network expects'],
    'dfanet': ['After each pass'],
}


def make(name: str, **options: object) -> nn.Module:
    """Build a slim network of a config with random weights; options are model keys."""
    cfg = Config.fromfile(ROOT / 'configs' / CONFIGS[name])
    cfg.merge_from_dict({f'model.{key}': value for key, value in options.items()})
    model = MODELS.build(cfg.model)
    torch.manual_seed(0)
    for key, parameter in model.named_parameters():
        if parameter.dim() > 1 or key.endswith('bias'):
            nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
    return model.eval().requires_grad_(False)


def fcn(strides: list[int], pad100: bool) -> nn.Module:
    """An FCN whose levels have the weights of the one with more levels."""
    first = [8, 16, 32].index(strides[0])
    options = dict(align_corners=False) if pad100 else {}
    return make(
        'fcn',
        backbone=dict(pad=100 if pad100 else 1, depth=16, base_channels=4),
        decode_head=dict(
            type=f'mmseg_plugins.{"FCNPad100Head" if pad100 else "FCNSkipHead"}',
            in_channels=[16, 32, 128][first:],
            in_index=[0, 1, 2][first:],
            strides=strides,
            **options,
        ),
    )


@pytest.mark.parametrize('pad100', [False, True])
def test_the_steps_of_fcn_are_the_predictions_of_coarser_networks(pad100):
    net = fcn([8, 16, 32], pad100)
    steps = coarse_to_fine(net.decode_head, look(net, IMAGE))
    assert [*steps] == ['FCN-32s', 'FCN-16s', 'FCN-8s']
    for first, labels in zip((2, 1, 0), steps.values(), strict=True):
        coarser = fcn([8, 16, 32][first:], pad100)
        coarser.load_state_dict(net.state_dict(), strict=False)
        np.testing.assert_array_equal(labels, look(coarser, IMAGE).prediction)
    assert (steps['FCN-32s'] != steps['FCN-16s']).any()  # control
    assert (steps['FCN-16s'] != steps['FCN-8s']).any()


def test_a_step_of_dfanet_does_not_depend_on_later_passes():
    net = make('dfanet')
    before = after_each_pass(net.decode_head, look(net, IMAGE))
    assert [*before] == ['pass 1', 'passes 1 to 2', 'passes 1 to 3']
    np.testing.assert_array_equal(before['passes 1 to 3'], look(net, IMAGE).prediction)
    for changed in (2, 1, 0):
        for parameter in net.backbone.subnets[changed].parameters():
            parameter.neg_()
        after = after_each_pass(net.decode_head, look(net, IMAGE))
        is_same = [bool((before[step] == after[step]).all()) for step in before]
        assert is_same == [step < changed for step in range(3)]


def test_the_gates_are_those_of_the_image():
    net = make('spnet')
    strips = modules_of(net, StripPooling)
    blocks = ('1.1', '2.1', '3.1', '4.0', '4.1')
    assert [*strips] == [f'backbone.layer{block}.spm' for block in blocks]
    backbone, block = net.backbone, net.backbone.layer1[1]
    pixels = torch.from_numpy(IMAGE).permute(2, 0, 1)
    x = net.data_preprocessor(dict(inputs=[pixels], data_samples=None))['inputs']
    x = backbone.layer1[0](backbone.maxpool(backbone.stem(x)))
    x = block.norm1(block.conv1(x)).relu()
    torch.testing.assert_close(look(net, IMAGE).inputs[block.spm], x)


def test_the_codewords_are_those_of_the_image():
    net = make('encnet')
    (encoding,) = modules_of(net, Encoding).values()
    trace, other = look(net, IMAGE), look(net, IMAGE[:, ::-1].copy())
    weights = encoding.assignment(trace.inputs[encoding])[0].flatten(1)
    x = trace.inputs[encoding][0].flatten(1).T
    distances = (x[:, None] - encoding.codewords).square().sum(2)
    expected = (encoding.scale * distances).softmax(1).T
    torch.testing.assert_close(weights, expected, rtol=1e-3, atol=1e-5)
    assert (trace.inputs[encoding] != other.inputs[encoding]).any()


def test_yellow_is_where_the_gate_is_open():
    trace = look(make('fcn'), np.zeros((40, 60, 3), np.uint8))
    gate = torch.full((1, 3, 4, 6), 0.2)
    gate[:, :, 1] = 0.9
    ((heading, drawn),) = draw_heats({'gate': gate}, trace).items()
    assert heading == 'gate: 0.20 to 0.90'
    red, _, blue = drawn[15].T.astype(int)
    assert red.min() > drawn[35, :, 0].max() + 50
    assert blue.max() < drawn[35, :, 2].min()


@pytest.mark.parametrize('name', CONFIGS)
def test_a_network_has_its_pictures_and_stays_as_it_was(name):
    net = make(name).train()
    frozen = next(m for m in net.modules() if isinstance(m, _BatchNorm)).eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    pictures = network_pictures(net, IMAGE)
    assert [picture.title for picture in pictures] == TITLES[name]
    for picture in pictures:
        assert picture.image.dtype == np.uint8
        assert picture.image.std() > 10
        assert picture.caption.endswith('.')
    still_trains = [m for m in net.modules() if m.training]
    assert len(still_trains) == len([*net.modules()]) - 1
    assert frozen not in still_trains
    for key, value in net.state_dict().items():
        torch.testing.assert_close(value, before[key], msg=key)
    assert not any(module._forward_hooks for module in net.modules())


def test_after_an_error_the_network_is_as_before():
    net = make('spnet').train()
    net.decode_head.conv_seg = nn.Conv2d(1, 1, 1)
    with pytest.raises(RuntimeError):
        network_pictures(net, IMAGE)
    assert all(module.training for module in net.modules())
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize(
    'meta',
    [{}, dict(classes=('a', 'b')), dict(classes=('a', 'b'), palette=[[9] * 3] * 2)],
)
@pytest.mark.parametrize('name', ['fcn', 'encnet'])
def test_classes_and_colours_of_the_users_own_data(name, meta):
    net = make(name, **{'decode_head.num_classes': 2})
    net.dataset_meta = meta
    first, *others = network_pictures(net, IMAGE)
    is_ours = (first.image[..., None, :] == np.array(PALETTE)).all(-1).any(-1)
    assert is_ours.mean() < 0.01  # no colours of the scenes
    assert len(others) == (name == 'encnet')


def test_one_score_for_two_classes():
    head = {'decode_head.num_classes': 2, 'decode_head.out_channels': 1}
    loss = dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True)
    net = make('fcn', **head, **{'decode_head.loss_decode': loss})
    net.decode_head.threshold = 1 - 1e-6  # a class between the extremes
    trace = look(net, IMAGE)
    labels = coarse_to_fine(net.decode_head, trace)['FCN-8s']
    np.testing.assert_array_equal(labels, trace.prediction)
    assert {*np.unique(labels)} == {0, 1}


def test_a_large_image_is_scaled_down_and_padding_is_cut_off():
    net = make('fcn', **{'data_preprocessor.test_cfg': dict(size_divisor=32)})
    image = render_scene(1, (300, 700))[0]
    with evaluation_mode(net):
        trace = look(net, image)
    assert trace.image.shape == (219, 512, 3)
    assert trace.padded == (224, 512)
    labels = coarse_to_fine(net.decode_head, trace)['FCN-8s']
    np.testing.assert_array_equal(labels, trace.prediction)
    assert labels.shape == (219, 512)


def test_a_stock_head_has_no_picture():
    head = dict(type='FCNHead', in_channels=128, in_index=2, channels=8, num_classes=12)
    assert (
        network_pictures(make('fcn', decode_head=dict(head, _delete_=True)), IMAGE)
        == []
    )
