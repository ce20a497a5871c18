"""The authors' EncNet and SPNet weights in our networks give the authors' numbers."""

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_plugins.converters import convert_encnet, convert_spnet
from tests.decode_heads.comparison import relative_difference
from tests.decode_heads.fcn_nets import random_image
from tests.reference.encnet_spnet_authors import EncNet, SPNet
from tests.tools.tiny_training import ROOT

WIDTH, CLASSES, CODES, POOLS = 4, 5, 6, (5, 3)
IMAGE = random_image((41, 58))
CONVERT = {'encnet': convert_encnet, 'spnet': convert_spnet}
TOLERANCE = {'encnet': 1e-10, 'spnet': 1e-12}
#: Options with which a network has all of its parts.
WHOLE = {'encnet': dict(lateral=True), 'spnet': dict()}
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
        return trained(EncNet(WIDTH, CLASSES, CODES, **options))
    net = trained(SPNet(WIDTH, CLASSES, POOLS, **options))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):  # large, so that gates are not all one half
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.5)
    return net


def ours(name: str, aux=True, lateral=False, se=True, spm=True) -> nn.Module:
    """The same network by our config of the model, with fewer channels."""
    cfg = Config.fromfile(ROOT / f'configs/_base_/models/{name}_r50-d8.py').model
    norm_cfg = dict(type='BN')
    common = dict(norm_cfg=norm_cfg, num_classes=CLASSES)
    cfg.backbone.update(norm_cfg=norm_cfg, stem_channels=2 * WIDTH, base_channels=WIDTH)
    cfg.decode_head.update(common, channels=8 * WIDTH)
    cfg.auxiliary_head.update(common, in_channels=16 * WIDTH, channels=4 * WIDTH)
    if name == 'encnet':
        cfg.decode_head.in_channels = [8 * WIDTH, 16 * WIDTH, 32 * WIDTH]
        cfg.decode_head.update(num_codes=CODES, add_lateral=lateral, use_se_loss=se)
    else:
        cfg.decode_head.update(in_channels=32 * WIDTH, reduce_channels=16 * WIDTH)
        cfg.decode_head.pool_sizes = POOLS
        cfg.backbone.update(dict() if spm else dict(spm_blocks=[()] * 4))
    if not aux:
        del cfg.auxiliary_head
    return MODELS.build(cfg).double().eval()


def loaded(name: str, weights: dict[str, Tensor], **options) -> nn.Module:
    model = ours(name, **options)
    model.load_state_dict(weights, strict=True)
    return model


@torch.no_grad()
def logits(model: nn.Module, image: Tensor) -> Tensor:
    """Logits at the size of the image."""
    return model.encode_decode(image, [dict(img_shape=image.shape[2:])] * len(image))


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('encnet', dict(lateral=True)),  # of the Pascal sets
        ('encnet', dict()),
        ('encnet', dict(se=False, aux=False)),
        ('spnet', dict()),
        ('spnet', dict(spm=False, aux=False)),
    ],
)
@torch.no_grad()
def test_converted_weights_give_the_authors_numbers(name, options):
    net = authors(name, **options)
    model = loaded(name, CONVERT[name](net.state_dict()), **options)
    actual, levels = [logits(model, IMAGE)], model.extract_feat(IMAGE)
    if name == 'encnet' and options.get('se', True):
        actual.append(model.decode_head.se_layer(model.decode_head._encode(levels)[1]))
    if model.with_auxiliary_head:
        actual.append(model.auxiliary_head(levels))
    expected = net(IMAGE)
    assert expected[0].std() > 1e-2
    for ours_, theirs in zip(actual, expected, strict=True):
        assert relative_difference(ours_, theirs) < TOLERANCE[name]


@pytest.mark.parametrize(
    ('name', 'module', 'one', 'other'),
    [
        ('encnet', 'decode_head.enc_module.encoding', '0.scale', '1.running_mean'),
        ('encnet', 'backbone.stem', '1.bias', '4.bias'),
        ('spnet', 'decode_head.mpms.0', 'reduce_short.bn.bias', 'reduce_long.bn.bias'),
        ('spnet', 'backbone.layer4', '0.spm.gate.weight', '1.spm.gate.weight'),
    ],
)
def test_control_two_swapped_weights_give_other_numbers(name, module, one, other):
    net = authors(name, **WHOLE[name])
    weights = CONVERT[name](net.state_dict())
    one, other = f'{module}.{one}', f'{module}.{other}'
    weights[one], weights[other] = weights[other], weights[one]
    model = loaded(name, weights, **WHOLE[name])
    with torch.no_grad():
        assert relative_difference(logits(model, IMAGE), net(IMAGE)[0]) > 1e-5


@every_network
def test_an_imagenet_checkpoint_gives_the_backbone_alone(name):
    options = dict() if name == 'encnet' else dict(spm=False)
    net = authors(name, **options).pretrained
    converted = CONVERT[name](net.state_dict())
    backbone = ours(name, **options).backbone
    weights = {key.removeprefix('backbone.'): v for key, v in converted.items()}
    backbone.load_state_dict(weights, strict=True)
    with torch.no_grad():
        for actual, expected in zip(backbone(IMAGE), net(IMAGE), strict=True):
            assert relative_difference(actual, expected) < TOLERANCE[name]


@every_network
def test_the_source_is_kept_and_may_be_nested_or_without_counters(name):
    weights = authors(name).state_dict()
    before = dict(weights)
    converted = CONVERT[name](weights)
    assert weights == before
    parallel = {f'module.{key}': value for key, value in before.items()}
    checkpoint = dict(epoch=3, optimizer={}, state_dict=parallel)
    assert CONVERT[name](checkpoint).keys() == converted.keys()
    weights = {key: v for key, v in weights.items() if 'num_batches' not in key}
    loaded(name, CONVERT[name](weights))  # PyTorch adds the counters, which are new


@pytest.mark.parametrize(
    ('name', 'key'),
    [
        ('encnet', 'head.connect.1.1.weight'),
        ('encnet', 'head.encmodule.selayer.bias'),
        ('encnet', 'pretrained.layer2.'),
        ('spnet', 'pretrained.layer3.5.spm.conv1.weight'),
        ('spnet', 'pretrained.layer3.2.'),
        ('spnet', 'auxlayer.conv5.4.weight'),
    ],
)
def test_a_missing_weight_block_or_stage_is_named(name, key):
    weights = authors(name, **WHOLE[name]).state_dict()
    weights = {k: v for k, v in weights.items() if not k.startswith(key)}
    with pytest.raises(ValueError, match=f"'{key}.*' is missing"):
        CONVERT[name](weights)


@pytest.mark.parametrize(
    ('name', 'key'),
    [
        ('encnet', 'pretrained.layer1.0.conv2.fc1.weight'),  # of ResNeSt
        ('encnet', 'head.encmodule.encoding.0.codewords'),  # before v0.4.5
        ('spnet', 'pretrained.layer1.0.spm.conv1.weight'),
        ('spnet', 'pretrained.layer4.0.spm.conv1.bias'),  # before 10 June 2020
    ],
)
def test_an_unknown_key_is_named(name, key):
    weights = authors(name).state_dict() | {key: torch.zeros(1)}
    with pytest.raises(ValueError, match=f"'{key}' is not a key of the authors'"):
        CONVERT[name](weights)


CONFIGS = {
    'encnet_r50s-d8_4xb4-80e_pascal-context-59-480x480': dict(lateral=True),
    'encnet_r101s-d8_4xb4-180e_ade20k-576x576': dict(depth=101),
    'encnet_r101s-d8_4xb4-80e_voc12aug-480x480': dict(depth=101, lateral=True),
    'spnet_r50s-d8_4xb4-120e_ade20k-480x480': dict(),
    'spnet_r101s-d8_4xb4-120e_ade20k-480x480': dict(depth=101),
}


@pytest.mark.parametrize(('config', 'options'), CONFIGS.items(), ids=CONFIGS)
def test_the_configs_are_the_authors_networks(config, options):
    name = config.split('_')[0]
    cfg = Config.fromfile(ROOT / f'configs/{name}/{config}.py').model
    classes = cfg.decode_head.num_classes
    with torch.device('meta'):  # for names and shapes
        model = MODELS.build(cfg)
        net = (EncNet if name == 'encnet' else SPNet)(64, classes, **options)
    theirs = {k: torch.zeros_like(v, device='cpu') for k, v in net.state_dict().items()}
    expected = {k: v.shape for k, v in CONVERT[name](theirs).items()}
    assert {k: v.shape for k, v in model.state_dict().items()} == expected
