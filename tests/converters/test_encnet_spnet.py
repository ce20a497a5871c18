"""The authors' EncNet and SPNet weights in our networks give the authors' numbers."""

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from reference.encnet_authors import EncNet
from reference.spnet_authors import SPNet
from torch import Tensor, nn

from mmseg_plugins.converters import convert_encnet, convert_spnet

WIDTH, CLASSES, CHANNELS, CODES, POOLS = 4, 5, 12, 6, (5, 3)
CONVERT = {'encnet': convert_encnet, 'spnet': convert_spnet}
TOLERANCE = {'encnet': 1e-10, 'spnet': 1e-12}
VARIANTS = {
    'encnet-pascal': ('encnet', dict(lateral=True)),
    'encnet-ade': ('encnet', dict()),
    'encnet-101': ('encnet', dict(depth=101)),
    'encnet-no-se': ('encnet', dict(se_loss=False)),
    'encnet-no-aux': ('encnet', dict(aux=False)),
    'spnet-50': ('spnet', dict()),
    'spnet-101': ('spnet', dict(depth=101)),
    'spnet-no-spm': ('spnet', dict(spm=False)),
    'spnet-no-aux': ('spnet', dict(aux=False)),
}
#: Options with which a network has all of its parts.
WHOLE = {'encnet': dict(lateral=True), 'spnet': dict()}
every_variant = pytest.mark.parametrize(
    ('name', 'options'), VARIANTS.values(), ids=VARIANTS
)
every_network = pytest.mark.parametrize('name', CONVERT)


def trained(net: nn.Module) -> nn.Module:
    """Give batch norms the statistics of a training; for testing, in float64."""
    for module in net.double().modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(std=0.2)
            module.num_batches_tracked.fill_(7)
    return net.eval()


def authors(name: str, **options) -> nn.Module:
    """The authors' network in float64, with statistics as after a training."""
    torch.manual_seed(0)
    if name == 'encnet':
        return trained(EncNet(WIDTH, CHANNELS, CLASSES, CODES, **options))
    net = trained(SPNet(WIDTH, CLASSES, POOLS, **options))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):  # large, so that gates are not all one half
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.5)
    return net


def ours(name: str, depth=50, aux=True, **options) -> nn.Module:
    """The same network of mmseg's parts and ours."""
    backbone = dict(depth=depth, stem_channels=2 * WIDTH, base_channels=WIDTH)
    if name == 'encnet':
        backbone |= dict(type='mmseg.ResNetV1c', contract_dilation=True)
        backbone |= dict(dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1))
        decode_head = dict(
            type='mmseg_plugins.EncHead',
            in_channels=[8 * WIDTH, 16 * WIDTH, 32 * WIDTH],
            in_index=[1, 2, 3],
            channels=CHANNELS,
            num_codes=CODES,
            add_lateral=options.get('lateral', False),
            use_se_loss=options.get('se_loss', True),
        )
    else:
        backbone |= dict(type='mmseg_plugins.SPNetResNet')
        if not options.get('spm', True):
            backbone['spm_blocks'] = ([], [], [], [])
        decode_head = dict(
            type='mmseg_plugins.StripPoolingHead',
            in_channels=32 * WIDTH,
            in_index=3,
            reduce_channels=16 * WIDTH,
            channels=8 * WIDTH,
            pool_sizes=POOLS,
        )
    common = dict(num_classes=CLASSES, norm_cfg=dict(type='BN'), align_corners=True)
    auxiliary_head = dict(type='mmseg.FCNHead', num_convs=1, concat_input=False)
    auxiliary_head |= dict(in_channels=16 * WIDTH, in_index=2, channels=4 * WIDTH)
    cfg = dict(
        type='mmseg.EncoderDecoder',
        backbone=dict(backbone, norm_cfg=dict(type='BN')),
        decode_head=dict(decode_head, **common),
        auxiliary_head=dict(auxiliary_head, **common) if aux else None,
    )
    return MODELS.build(cfg).double().eval()


def loaded(name: str, weights: dict[str, Tensor], **options) -> nn.Module:
    model = ours(name, **options)
    model.load_state_dict(weights, strict=True)
    return model


@torch.no_grad()
def logits(model: nn.Module, image: Tensor) -> Tensor:
    """Logits at the size of the image."""
    return model.encode_decode(image, [dict(img_shape=image.shape[2:])] * len(image))


def image() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 41, 58, dtype=torch.float64)


def relative(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@every_variant
def test_converted_weights_give_the_authors_numbers(name, options):
    net = authors(name, **options)
    model = loaded(name, CONVERT[name](net.state_dict()), **options)
    actual = [logits(model, image())]
    with torch.no_grad():
        expected = net(image())
        levels = model.extract_feat(image())
        if name == 'encnet':
            head = model.decode_head
            code = head._encode(levels)[1]
            actual.append(head.se_layer(code) if head.use_se_loss else None)
        aux = model.auxiliary_head if model.with_auxiliary_head else None
        actual.append(aux and aux(levels))
    assert expected[0].std() > 1e-2
    for ours_, theirs in zip(actual, expected, strict=True):
        assert (ours_ is None) == (theirs is None)
        if theirs is not None:
            assert relative(ours_, theirs) < TOLERANCE[name]


SWAPS = [  # network, module, two weights of it
    ('encnet', 'decode_head.lateral_convs', '0.bn.weight', '1.bn.weight'),
    ('encnet', 'decode_head.enc_module.encoding', '0.scale', '1.running_mean'),
    ('encnet', 'backbone.stem', '1.bias', '4.bias'),
    ('encnet', 'backbone.layer3', '1.conv2.weight', '2.conv2.weight'),
    ('spnet', 'decode_head.mpms.0', 'reduce_short.bn.bias', 'reduce_long.bn.bias'),
    ('spnet', 'decode_head.mpms.0', 'pools.0.conv.weight', 'pools.1.conv.weight'),
    ('spnet', 'decode_head.mpms', '0.fuse.conv.weight', '1.fuse.conv.weight'),
    ('spnet', 'backbone.layer4.1.spm', 'vertical.bn.weight', 'horizontal.bn.weight'),
    ('spnet', 'backbone.layer4', '0.spm.gate.weight', '1.spm.gate.weight'),
]


@pytest.mark.parametrize(('name', 'module', 'one', 'other'), SWAPS)
def test_control_two_swapped_weights_give_other_numbers(name, module, one, other):
    net = authors(name, **WHOLE[name])
    weights = CONVERT[name](net.state_dict())
    one, other = f'{module}.{one}', f'{module}.{other}'
    weights[one], weights[other] = weights[other], weights[one]
    model = loaded(name, weights, **WHOLE[name])
    with torch.no_grad():
        assert relative(logits(model, image()), net(image())[0]) > 1e-5


@every_network
def test_an_imagenet_checkpoint_gives_the_backbone_alone(name):
    options = dict() if name == 'encnet' else dict(spm=False)
    net = authors(name, **options).pretrained
    converted = CONVERT[name](net.state_dict())
    backbone = ours(name, **options).backbone
    weights = {key.removeprefix('backbone.'): v for key, v in converted.items()}
    backbone.load_state_dict(weights, strict=True)
    with torch.no_grad():
        for actual, expected in zip(backbone(image()), net(image()), strict=True):
            assert relative(actual, expected) < TOLERANCE[name]


@every_network
def test_every_key_is_used_once_and_the_source_is_kept(name):
    weights = authors(name).state_dict()
    before = dict(weights)
    converted = CONVERT[name](weights)
    assert weights == before
    used = [key for key in weights if '.fc.' not in key or 'encmodule' in key]
    pointers = {value.data_ptr() for value in converted.values()}
    assert len(converted) == len(used) == len(pointers)
    weights = {key: v for key, v in weights.items() if 'num_batches' not in key}
    loaded(name, CONVERT[name](weights))  # PyTorch adds the counters, which are new
    parallel = {f'module.{key}': value for key, value in before.items()}
    checkpoint = dict(epoch=3, optimizer={}, state_dict=parallel)
    assert CONVERT[name](checkpoint).keys() == converted.keys()


@pytest.mark.parametrize(
    ('name', 'key'),
    [
        ('encnet', 'pretrained.conv1.3.weight'),
        ('encnet', 'pretrained.layer2.0.downsample.1.bias'),
        ('encnet', 'head.connect.1.1.weight'),
        ('encnet', 'head.encmodule.encoding.3.scale'),
        ('encnet', 'head.encmodule.selayer.bias'),
        ('spnet', 'pretrained.bn1.running_var'),
        ('spnet', 'pretrained.layer3.5.spm.conv1.weight'),
        ('spnet', 'head.strip_pool1.conv1_2.0.weight'),
        ('spnet', 'auxlayer.conv5.4.weight'),
        ('encnet', 'pretrained.layer2.'),
        ('spnet', 'pretrained.layer3.2.'),
    ],
)
def test_a_missing_weight_block_or_stage_is_named(name, key):
    weights = authors(name, **WHOLE[name]).state_dict()
    weights = {k: v for k, v in weights.items() if not k.startswith(key)}
    with pytest.raises(ValueError, match=f"'{key}.*' is missing: give all weights"):
        CONVERT[name](weights)


@pytest.mark.parametrize(
    ('name', 'key'),
    [
        ('encnet', 'pretrained.layer1.0.conv2.fc1.weight'),
        ('encnet', 'head.conv5.2.weight'),
        ('spnet', 'pretrained.layer1.0.spm.conv1.weight'),
        ('spnet', 'pretrained.layer4.0.spm.conv1.bias'),  # before 10 June 2020
        ('spnet', 'head.strip_pool3.conv3.0.weight'),
        ('spnet', 'extra'),
    ],
)
def test_an_unknown_key_is_named(name, key):
    weights = authors(name).state_dict() | {key: torch.zeros(1)}
    with pytest.raises(ValueError, match=f"'{key}' is not a key of the authors'"):
        CONVERT[name](weights)


def test_the_encnet_before_v0_4_5_and_converted_weights_are_refused():
    weights = authors('encnet').state_dict()
    old = {
        key.replace('encoding.3', 'encoding.0').replace('encoding.4', 'encoding.1'): v
        for key, v in weights.items()
        if 'encoding.0' not in key and 'encoding.1' not in key
    }
    for refused in (old, convert_encnet(weights)):
        with pytest.raises(ValueError, match=r'EncNet \(v0\.4\.5 and later\)'):
            convert_encnet(refused)


CONFIGS = {
    'encnet_r50s-d8_4xb4-80e_pascal-context-59-480x480': dict(lateral=True),
    'encnet_r101s-d8_4xb4-180e_ade20k-576x576': dict(depth=101),
    'encnet_r101s-d8_4xb4-80e_voc12aug-480x480': dict(depth=101, lateral=True),
    'spnet_r50s-d8_4xb4-120e_ade20k-480x480': dict(),
    'spnet_r101s-d8_4xb4-120e_ade20k-480x480': dict(depth=101),
}


@pytest.mark.parametrize(('config', 'options'), CONFIGS.items(), ids=CONFIGS)
def test_the_configs_are_the_authors_networks(repository, config, options):
    name = config.split('_')[0]
    cfg = Config.fromfile(repository / f'configs/{name}/{config}.py').model
    classes = cfg.decode_head.num_classes
    with torch.device('meta'):  # for names and shapes
        model = MODELS.build(cfg)
        if name == 'encnet':
            net = EncNet(64, 512, classes, **options)
        else:
            net = SPNet(64, classes, (20, 12), **options)
    weights = {
        k: torch.zeros(v.shape, dtype=v.dtype) for k, v in net.state_dict().items()
    }
    expected = {k: v.shape for k, v in CONVERT[name](weights).items()}
    assert {k: v.shape for k, v in model.state_dict().items()} == expected
