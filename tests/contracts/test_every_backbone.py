"""What each of our backbones promises: channels, frozen stages, batch norm, with_cp."""

import re

import cv2
import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import MODELS, TRANSFORMS
from torch import Tensor, nn
from torch.nn.functional import conv2d
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_plugins import backbones
from mmseg_plugins.backbones import base_backbone
from mmseg_plugins.backbones.base_backbone import fit_input_channels
from mmseg_plugins.hooks import CheckpointCheckHook
from tests.contracts.cases import BN, NETWORKS
from tests.contracts.test_every_module import build

BACKBONES = backbones.__all__
XCEPTION = ['conv1', *(rf'subnet\.enc{i}' for i in (2, 3, 4))]
#: For each stage that can be frozen, the start of its keys.
STAGES = {
    'FCNVGG': [f'conv{i}_' for i in range(1, 6)],
    'FCNAlexNet': [f'conv{i}' for i in range(1, 6)],
    'FCNGoogLeNet': [r'conv1\.', r'conv[23]\.', 'inception3', 'inception4'],
    'XceptionA': XCEPTION,
    'XceptionB': XCEPTION,
    'DFANet': ['conv1', r'subnets\.0\.enc', r'subnets\.1\.enc'],
    # SPMs always train: no checkpoint of a ResNet has weights of them.
    'SPNetResNet': [rf'(stem|layer[1-{i}])(?!.*\.spm\.)' for i in range(1, 5)],
}
every_backbone = pytest.mark.parametrize('name', BACKBONES)
#: Backbones with the key of their first convolution.
every_first_conv = pytest.mark.parametrize(
    ('name', 'change', 'first'),
    [
        ('FCNVGG', {}, 'conv1_1.conv.weight'),
        ('FCNAlexNet', {}, 'conv1.conv.weight'),
        ('FCNGoogLeNet', {}, 'conv1.conv.weight'),
        ('XceptionA', {}, 'conv1.conv.weight'),
        ('XceptionB', {}, 'conv1.conv.weight'),
        ('DFANet', {}, 'conv1.conv.weight'),
        ('SPNetResNet', {}, 'stem.0.weight'),
        ('SPNetResNet', dict(deep_stem=False), 'conv1.weight'),
    ],
)


def make(name: str, **changes: object) -> nn.Module:
    return build(name, **{'norm_cfg': BN} | changes).double().train()


def image(channels: int = 3) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, channels, 64, 96, dtype=torch.float64)


def loss(net: nn.Module, x: Tensor) -> Tensor:
    return sum(level.square().mean() for level in net(x))


def step(net: nn.Module, x: Tensor) -> set[str]:
    """Train for one step; return the keys of the tensors that changed."""
    before = {key: value.clone() for key, value in net.state_dict().items()}
    parameters = [p for p in net.parameters() if p.requires_grad]
    loss(net, x).backward()
    torch.optim.SGD(parameters, 0.1).step()
    return {k for k, v in net.state_dict().items() if not torch.equal(v, before[k])}


@every_backbone
@pytest.mark.parametrize('in_channels', [1, 4])
def test_images_of_any_number_of_channels_train_all_layers(name, in_channels):
    net = make(name, in_channels=in_channels)
    assert step(net, image(in_channels)) == set(net.state_dict())


@pytest.mark.parametrize(
    ('name', 'frozen_stages'),
    [(name, i + 1) for name in BACKBONES for i in range(len(STAGES[name]))],
)
def test_frozen_stages_neither_train_nor_update_their_norms(name, frozen_stages):
    net = make(name, frozen_stages=frozen_stages).eval().train()
    pattern = '|'.join(STAGES[name][:frozen_stages])
    frozen = {key for key in net.state_dict() if re.match(pattern, key)}
    assert step(net, image()) == set(net.state_dict()) - frozen
    for key, parameter in net.named_parameters():
        assert (parameter.grad is None) == (key in frozen), key


@every_backbone
def test_frozen_stages_out_of_range_is_refused(name):
    last = len(STAGES[name])
    for value in (-2, last + 1):
        words = rf'frozen_stages={value}: must be from -1 \(none\) to {last}'
        with pytest.raises(ValueError, match=words):
            make(name, frozen_stages=value)


@every_backbone
@pytest.mark.parametrize('norm', ['BN', 'SyncBN'])
def test_norm_eval_keeps_the_running_statistics(name, norm):
    net = make(name, norm_eval=True, norm_cfg=dict(type=norm))
    norms = {n for n, m in net.named_modules() if isinstance(m, _BatchNorm)}
    assert norms
    assert {n for n, m in net.named_modules() if not m.training} == norms
    assert step(net, image()) == {key for key, _ in net.named_parameters()}


@pytest.mark.one_line
@every_backbone
def test_with_cp_gives_the_same_gradients_and_keeps_less_for_them(name):
    gradients, numbers_kept = [], []

    def pack(tensor: Tensor) -> Tensor:
        numbers_kept[-1] += tensor.numel()
        return tensor

    for with_cp in (False, True):
        net = make(name, with_cp=with_cp)
        numbers_kept.append(0)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            total = loss(net, image())
        total.backward()
        gradients.append([p.grad for p in net.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)
    assert numbers_kept[1] < numbers_kept[0] / 2


@pytest.fixture
def logged(monkeypatch) -> list[str]:
    """The texts that fit_input_channels logs."""
    texts: list[str] = []
    monkeypatch.setattr(
        base_backbone, 'print_log', lambda text, logger: texts.append(text)
    )
    return texts


@pytest.mark.parametrize(('in_channels', 'scale'), [(4, 3 / 4), (6, 3 / 6)])
@pytest.mark.parametrize('is_scaled', [True, False])
def test_the_mean_of_the_channels_keeps_its_size(in_channels, scale, is_scaled):
    weight, x = torch.randn(5, 3, 3, 3, dtype=torch.float64), image()
    weights = {'first': weight}
    fit_input_channels(weights, 'first', in_channels)
    fitted = weights['first'] if is_scaled else weights['first'] / scale  # control
    mean = x.mean(1, keepdim=True)
    actual = conv2d(torch.cat([x] + [mean] * (in_channels - 3), 1), fitted)
    gray = mean.expand_as(x)
    expected = conv2d(gray, weight) + scale * conv2d(x - gray, weight)
    is_equal = (actual - expected).abs().max() < 1e-12
    assert is_equal == is_scaled


@pytest.mark.one_line
@every_first_conv
@pytest.mark.parametrize('in_channels', [1, 2, 4])
def test_a_gray_image_keeps_its_outputs(
    name, change, first, in_channels, logged, tmp_path
):
    rgb = make(name, **change).eval()
    torch.save(rgb.state_dict(), tmp_path / 'rgb.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'rgb.pth'))
    net = make(name, **change, in_channels=in_channels, init_cfg=init_cfg).eval()
    net.init_weights()
    gray = image(1)
    with torch.no_grad():
        expected = rgb(gray.expand(-1, 3, -1, -1))
        actual = net(gray.expand(-1, in_channels, -1, -1))
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)
        net.get_parameter(first).mul_(in_channels / 3)  # control: not scaled
        other = net(gray.expand(-1, in_channels, -1, -1))
        assert (other[0] - expected[0]).abs().max() > 1e-3
    (text,) = logged
    assert text.startswith(
        f'{first} has 3 input channels in the checkpoint, {in_channels} in the network'
    )


@every_backbone
@pytest.mark.parametrize(('file', 'network'), [(2, 4), (4, 3), (4, 5)])
def test_only_checkpoints_of_3_channels_are_fitted(name, file, network, logged):
    weights = make(name, in_channels=file).state_dict()
    with pytest.raises(RuntimeError, match='size mismatch'):
        make(name, in_channels=network).load_state_dict(weights)
    assert logged == []


def caffe(weights: dict) -> dict:
    return {key.replace('.conv', ''): value for key, value in weights.items()}


def torchvision(weights: dict) -> dict:
    layers = [key.removesuffix('.weight') for key in weights if 'weight' in key]
    names = {layer: f'features.{i}' for i, layer in enumerate(layers)}
    names |= {'fc6.conv': 'classifier.0', 'fc7.conv': 'classifier.3'}
    split = ((*key.rpartition('.'), value) for key, value in weights.items())
    return {f'{names[layer]}.{slot}': value for layer, _, slot, value in split}


def mmpretrain(weights: dict) -> dict:
    return {
        'backbone.' + re.sub(r'(features\.\d+)', r'\1.conv', key): value
        for key, value in torchvision(weights).items()
    }


@pytest.mark.parametrize(
    ('name', 'layout'),
    [
        ('FCNAlexNet', caffe),
        ('FCNVGG', caffe),
        ('FCNVGG', torchvision),
        ('FCNVGG', mmpretrain),
    ],
)
def test_classifiers_of_3_channels_are_fitted_too(name, layout, logged):
    weights = make(name, norm_cfg=None).state_dict()
    expected = make(name, norm_cfg=None, in_channels=4)
    expected.load_state_dict(weights)
    net = make(name, norm_cfg=None, in_channels=4, dropout_ratio=0.1)
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    net.load_state_dict(layout(weights))
    for key, value in expected.state_dict().items():
        assert torch.equal(net.state_dict()[key], value), key
    assert len(logged) == 2


def segmentor(in_channels: int) -> nn.Module:
    parts = NETWORKS['fcn-8s']
    return MODELS.build(
        dict(
            type='EncoderDecoder',
            data_preprocessor=dict(type='SegDataPreProcessor', size=(64, 96)),
            backbone=dict(parts['backbone'], in_channels=in_channels),
            decode_head=parts['decode_head'],
        )
    )


def test_a_segmentor_trains_on_images_of_4_channels(tmp_path):
    rng = np.random.default_rng(0)
    file = str(tmp_path / 'image.png')
    cv2.imwrite(file, rng.integers(0, 256, (60, 90, 4), np.uint8))
    sample = dict(img_path=file, gt_seg_map=rng.integers(0, 5, (60, 90), np.uint8))
    for transform in (
        dict(type='LoadImageFromFile', color_type='unchanged'),
        dict(type='Normalize', mean=[120, 110, 100, 90], std=[60] * 4, to_rgb=False),
        dict(type='PackSegInputs', meta_keys=()),
    ):
        sample = TRANSFORMS.build(transform)(sample)
    model = segmentor(4).train()
    batch = {key: [value, value] for key, value in sample.items()}
    data = model.data_preprocessor(batch, training=True)
    assert data['inputs'].shape == (2, 4, 64, 96)
    model(**data, mode='loss')['decode.loss_ce'].backward()
    gradient = model.backbone.conv1_1.conv.weight.grad
    assert gradient.flatten(2).any(2).all()  # each channel of each kernel


def test_a_segmentor_of_3_channels_starts_a_training_but_no_test(tmp_path, logged):
    model, weights = segmentor(4), segmentor(3).state_dict()
    torch.save(weights, tmp_path / 'rgb.pth')
    hook = CheckpointCheckHook()
    options = dict(work_dir=str(tmp_path), experiment_name=tmp_path.name)
    runner = Runner(model=model, custom_hooks=[hook], **options)
    runner.load_checkpoint(str(tmp_path / 'rgb.pth'))
    (text,) = logged
    assert text.startswith('backbone.conv1_1.conv.weight has 3 input channels')
    with pytest.raises(ValueError, match=r'1 of \d+ weights .*backbone.conv1_1.conv'):
        hook.before_test(runner)
