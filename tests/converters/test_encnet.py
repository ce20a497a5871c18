"""The authors' weights in our networks give the authors' numbers."""

import logging

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from reference.encnet_authors import EncNet
from segmentors import CLASSES, WIDTH, initialised, outputs, segmentor, trained
from torch import Tensor, nn

from mmseg_plugins.converters import CONVERTERS, convert_encnet

CHANNELS, CODES = 12, 6
VARIANTS = {
    'pascal': dict(lateral=True),
    'ade': dict(),
    'resnet101': dict(depth=101),
    'no SE branch': dict(se_loss=False),
    'no auxiliary head': dict(aux=False),
}
every_variant = pytest.mark.parametrize('options', VARIANTS.values(), ids=VARIANTS)


def authors(**options) -> EncNet:
    """The authors' network in float64, with statistics as after a training."""
    torch.manual_seed(0)
    return trained(EncNet(WIDTH, CHANNELS, CLASSES, CODES, **options))


def ours(depth=50, lateral=False, se_loss=True, aux=True) -> nn.Module:
    """The same network out of the host's parts and our head."""
    backbone = dict(
        type='mmseg.ResNetV1c',
        depth=depth,
        stem_channels=2 * WIDTH,
        base_channels=WIDTH,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        contract_dilation=True,
    )
    decode_head = dict(
        type='mmseg_plugins.EncHead',
        in_channels=[8 * WIDTH, 16 * WIDTH, 32 * WIDTH],
        in_index=[1, 2, 3],
        channels=CHANNELS,
        num_codes=CODES,
        add_lateral=lateral,
        use_se_loss=se_loss,
    )
    return segmentor(backbone, decode_head, aux)


@torch.no_grad()
def presence(model: nn.Module, image: Tensor) -> Tensor:
    """What the SE branch makes of the code, which the module named fc takes."""
    codes: list[Tensor] = []
    fc = model.decode_head.enc_module.fc
    hook = fc.register_forward_hook(lambda _, args, __: codes.append(args[0]))
    outputs(model, image)
    hook.remove()
    return model.decode_head.se_layer(codes[0])


def image() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 41, 58, dtype=torch.float64)


def relative(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


@every_variant
def test_converted_weights_give_the_authors_numbers(options):
    net = authors(**options)
    with torch.no_grad():
        expected, expected_presence, expected_auxiliary = net(image())
    model = ours(**options)
    model.load_state_dict(convert_encnet(net.state_dict()), strict=True)
    found, auxiliary = outputs(model, image())
    assert expected.std() > 1e-2
    assert relative(found, expected) < 1e-10
    if expected_auxiliary is not None:
        assert relative(auxiliary, expected_auxiliary) < 1e-10
    if expected_presence is not None:
        assert relative(presence(model, image()), expected_presence) < 1e-10


def swap(weights: dict[str, Tensor], one: str, other: str) -> None:
    weights[one], weights[other] = weights[other], weights[one]


SWAPS = [
    ('decode_head.lateral_convs.0.bn.weight', 'decode_head.lateral_convs.1.bn.weight'),
    (
        'decode_head.enc_module.encoding.0.scale',
        'decode_head.enc_module.encoding.1.running_mean',
    ),
    ('backbone.stem.1.bias', 'backbone.stem.4.bias'),
    ('backbone.layer3.1.conv2.weight', 'backbone.layer3.2.conv2.weight'),
]


@pytest.mark.parametrize(('one', 'other'), SWAPS, ids=[one for one, _ in SWAPS])
def test_control_two_swapped_tensors_give_other_numbers(one, other):
    net = authors(lateral=True)
    weights = convert_encnet(net.state_dict())
    swap(weights, one, other)
    model = ours(lateral=True)
    model.load_state_dict(weights, strict=True)
    with torch.no_grad():
        assert relative(outputs(model, image())[0], net(image())[0]) > 1e-5


def test_control_a_moved_bias_gives_other_numbers():
    net = authors()
    weights = convert_encnet(net.state_dict())
    bias = 'decode_head.enc_module.fc.0.bias'
    weights[bias] = weights[bias] + 1e-3  # the tensor is the authors' too
    model = ours()
    model.load_state_dict(weights, strict=True)
    with torch.no_grad():
        assert relative(outputs(model, image())[0], net(image())[0]) > 1e-7


def test_an_imagenet_checkpoint_gives_the_backbone_alone(tmp_path):
    net = authors().pretrained
    converted = convert_encnet(net.state_dict())
    assert all(key.startswith('backbone.') for key in converted)
    backbone = initialised(ours().backbone, converted, tmp_path)
    with torch.no_grad():
        for found, expected in zip(backbone(image()), net(image()), strict=True):
            assert relative(found, expected) < 1e-10


def test_wrappers_and_prefixes_are_taken_off():
    weights = authors().state_dict()
    converted = convert_encnet(weights)
    parallel = {f'module.{key}': value for key, value in weights.items()}
    checkpoint = dict(epoch=3, best_pred=0.5, state_dict=parallel)
    assert convert_encnet(checkpoint).keys() == converted.keys()


def test_counters_that_old_batch_norms_lack_may_be_missing():
    weights = {
        k: v for k, v in authors().state_dict().items() if 'num_batches' not in k
    }
    converted = convert_encnet(weights)
    assert not [key for key in converted if 'num_batches' in key]
    ours().load_state_dict(converted, strict=True)  # PyTorch fills them in


def test_the_source_is_not_modified_and_every_key_is_used_once():
    weights = authors(lateral=True).state_dict()
    before = dict(weights)
    converted = convert_encnet(weights)
    assert weights == before
    used = [k for k in weights if 'pretrained.fc.' not in k]
    pointers = {value.data_ptr() for value in converted.values()}
    assert len(converted) == len(used) == len(pointers)


MISSING = [
    'pretrained.conv1.3.weight',
    'pretrained.bn1.running_var',
    'pretrained.layer2.0.downsample.1.bias',
    'pretrained.layer3.4.conv2.weight',
    'head.connect.1.1.weight',
    'head.fusion.0.weight',
    'head.encmodule.encoding.3.scale',
    'head.encmodule.selayer.bias',
    'head.conv6.1.bias',
    'auxlayer.conv5.4.weight',
]


@pytest.mark.parametrize('key', MISSING)
def test_a_missing_layer_is_named(key):
    weights = authors(lateral=True).state_dict()
    del weights[key]
    with pytest.raises(KeyError, match=f"'{key}' is missing"):
        convert_encnet(weights)


@pytest.mark.parametrize('prefix', ['pretrained.layer2.', 'pretrained.layer3.2.'])
def test_a_stage_or_block_that_is_missing_whole_is_named(prefix):
    weights = authors().state_dict()
    weights = {k: v for k, v in weights.items() if not k.startswith(prefix)}
    with pytest.raises(KeyError, match=r"'pretrained\.layer\d\.\d+\.conv1\.weight'"):
        convert_encnet(weights)


@pytest.mark.parametrize(
    'key',
    [
        'pretrained.layer1.0.conv2.fc1.weight',
        'pretrained.layer5.0.conv1.weight',
        'head.conv5.2.weight',
        'extra',
    ],
)
def test_an_unknown_key_is_named(key):
    with pytest.raises(KeyError, match=f"'{key}' is no key"):
        convert_encnet(authors().state_dict() | {key: torch.zeros(1)})


def test_another_network_of_the_authors_is_refused():
    weights = authors(aux=False).state_dict()
    fcn = {k: v for k, v in weights.items() if not k.startswith('head.')}
    fcn['head.conv5.0.weight'] = weights['head.conv5.0.weight']
    with pytest.raises(KeyError, match=r"'head\.conv5\.1\.weight' is missing"):
        convert_encnet(fcn)


def test_the_layout_before_v0_4_5_is_refused_with_a_sentence():
    weights = authors().state_dict()
    old = {
        key.replace('encoding.3', 'encoding.0').replace('encoding.4', 'encoding.1'): v
        for key, v in weights.items()
        if 'encoding.0' not in key and 'encoding.1' not in key
    }
    with pytest.raises(ValueError, match=r'before v0\.4\.5.*give a checkpoint'):
        convert_encnet({f'module.{key}': value for key, value in old.items()})


def test_our_own_keys_are_refused():
    converted = convert_encnet(authors().state_dict())
    with pytest.raises(ValueError, match='load_from as it is'):
        convert_encnet(converted)


def test_the_log_says_what_was_found(caplog):
    caplog.set_level(logging.INFO)
    convert_encnet(authors(lateral=True, aux=False).state_dict())
    assert caplog.messages[-1].endswith(
        'beside the backbone: head, head.encmodule.selayer, head.connect'
    )


SETS = {
    'encnet_r50s-d8_4xb4-80e_pascal-context-59-480x480': dict(lateral=True),
    'encnet_r101s-d8_4xb4-180e_ade20k-576x576': dict(depth=101),
    'encnet_r101s-d8_4xb4-80e_voc12aug-480x480': dict(depth=101, lateral=True),
}


@pytest.mark.parametrize(('name', 'options'), SETS.items(), ids=SETS)
def test_the_configs_are_the_published_networks(repository, name, options):
    cfg = Config.fromfile(repository / f'configs/encnet/{name}.py').model
    with torch.device('meta'):
        model = MODELS.build(cfg)
        net = EncNet(64, 512, cfg.decode_head.num_classes, **options)
    expected = convert_encnet(net.state_dict())
    found = model.state_dict()
    assert {k: v.shape for k, v in found.items()} == {
        k: v.shape for k, v in expected.items()
    }


def test_the_tool_knows_it_and_the_host_loads_the_result(tmp_path):
    assert CONVERTERS['encnet'] is convert_encnet
    net = authors()
    torch.save(
        dict(state_dict=convert_encnet(net.state_dict())), tmp_path / 'encnet.pth'
    )
    model = ours()
    load_checkpoint(model, str(tmp_path / 'encnet.pth'), strict=True)
    with torch.no_grad():
        assert relative(outputs(model, image())[0], net(image())[0]) < 1e-10
