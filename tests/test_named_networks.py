"""Networks by name: any backbone, any image size, ordinary training."""

import subprocess
import sys

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS
from torch.nn import functional

import mmseg_plugins
from mmseg_plugins.named_networks import NAMES, network_config

SLIM_SWIN = dict(
    type='SwinTransformer',
    embed_dims=12,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
    out_indices=(0, 1, 2, 3),
)
SLIM_UNET = dict(type='UNet', base_channels=4)
SLIM_ALEXNET = dict(type='mmseg_plugins.FCNAlexNet', base_channels=6, fc_channels=8)
SLIM_HRNET = dict(
    type='HRNet',
    extra={
        f'stage{n}': dict(
            num_modules=1,
            num_branches=n,
            block='BOTTLENECK' if n == 1 else 'BASIC',
            num_blocks=[1] * n,
            num_channels=[4, 8, 16, 32][:n],
        )
        for n in (1, 2, 3, 4)
    },
)
NETWORKS = [
    *((name, 'slim') for name in NAMES),
    *((name, 'resnet18-slim') for name in ('fcn-8s', 'spnet', 'encnet', 'dfanet')),
    *((name, SLIM_SWIN) for name in ('fcn-16s', 'spnet', 'encnet', 'dfanet')),
    *((name, SLIM_UNET) for name in ('fcn-8s', 'fcn-2s', 'spnet', 'dfanet')),
    ('fcn-4s', SLIM_HRNET),
    ('fcn-32s', SLIM_ALEXNET),
    ('fcn-32s', 'mobilenet_v2'),
    ('fcn-2s', 'googlenet'),
]


def describe(value) -> str:
    return value['type'] if isinstance(value, dict) else value


@pytest.mark.one_line
@pytest.mark.parametrize(('name', 'backbone'), NETWORKS, ids=describe)
def test_it_trains_with_any_image_size(name, backbone):
    torch.manual_seed(0)
    net = mmseg_plugins.build(name, backbone=backbone, classes=3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    images, labels = torch.randn(2, 3, 33, 65), torch.randint(0, 3, (2, 33, 65))
    logits = net(images)
    assert logits.shape == (2, 3, 33, 65)
    functional.cross_entropy(logits, labels).backward()
    optimizer.step()
    for key, parameter in net.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
    assert net(images).isfinite().all()


def test_only_what_the_logits_do_not_need_is_frozen():
    net = mmseg_plugins.build('fcn-2s', backbone=SLIM_UNET, classes=3)
    frozen = {key for key, p in net.named_parameters() if not p.requires_grad}
    last = {key for key, _ in net.named_parameters() if 'backbone.decoder.0.' in key}
    assert frozen == last


def test_a_checkpoint_of_the_segmentor_gives_its_logits():
    segmentor = MODELS.build(ConfigDict(network_config('encnet', 'slim', classes=3)))
    checkpoint = segmentor.state_dict()
    checkpoint['auxiliary_head.conv_seg.weight'] = torch.zeros(3)
    net = mmseg_plugins.build('encnet', 'slim', classes=3).eval()
    images = torch.randn(2, 3, 33, 65)
    with torch.no_grad():
        expected = segmentor.eval().encode_decode(images, [dict(img_shape=(33, 65))])
        assert not torch.allclose(net(images), expected)
        net.load_state_dict(checkpoint)
        torch.testing.assert_close(net(images), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ('network', 'base'),
    [
        ('spnet', 'spnet_r18-d8-slim'),
        ('encnet', 'encnet_r18-d8-slim'),
        ('fcn-8s', 'fcn-8s_vgg13-slim'),
    ],
)
def test_slim_networks_have_the_weights_of_the_configs(network, base, repository):
    file = repository / f'configs/_base_/models/{base}.py'
    from_name = MODELS.build(ConfigDict(network_config(network, 'slim', 12)))
    from_file = MODELS.build(Config.fromfile(file).model)
    shapes = [
        {
            key: value.shape
            for key, value in model.state_dict().items()
            if not key.startswith('auxiliary_head')
        }
        for model in (from_name, from_file)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (('fcn',), "name='fcn': must be one of fcn-32s, "),
        (('fcn-8s', 'resnet5'), "backbone='resnet5': must be None, slim, resnet18, "),
        (('fcn-8s', 'slim', 1), 'classes=1: must be at least 2'),
        (('fcn-2s', 'resnet18-slim'), r'strides 4, 8, 16, 32 .*fit it: fcn-32s, .*4s'),
        (('fcn-8s', 'timm/resnet18'), 'needs timm. Fix: pip install timm'),
        (('spnet', dict(type='PIDNet', channels=4)), 'must return a list of maps'),
    ],
)
def test_errors(arguments, sentence, monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda _: None)
    with pytest.raises(ValueError, match=sentence):
        mmseg_plugins.build(*arguments)


def test_a_plain_program_needs_no_settings_and_has_a_quiet_screen():
    program = (
        'import mmseg_plugins; print("begin")\n'
        f'mmseg_plugins.build("fcn-8s", {SLIM_UNET}, classes=2); print("end")'
    )
    result = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith('begin\nend\n')
