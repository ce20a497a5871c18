"""The authors' weights in our SPNet give the authors' numbers, and come back whole."""

import logging

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from reference.spnet_authors import SPNet
from segmentors import CLASSES, WIDTH, initialised, outputs, segmentor, trained
from torch import Tensor, nn

from mmseg_plugins.converters import CONVERTERS, convert_spnet, revert_spnet

POOLS = (5, 3)
VARIANTS = {
    'resnet50': dict(),
    'resnet101': dict(depth=101),
    'no SPM': dict(spm=False),
    'no auxiliary head': dict(aux=False),
    'of March 2020': dict(before_2020_05_27=True, bias=True, name='dual_se'),
    'of May 2020': dict(before_2020_05_27=True, bias=True),
    'swapped, no bias': dict(before_2020_05_27=True),
    'of June 2020': dict(bias=True),
}
every_variant = pytest.mark.parametrize('options', VARIANTS.values(), ids=VARIANTS)


def authors(**options) -> SPNet:
    """The authors' network in float64, with statistics as after a training."""
    torch.manual_seed(0)
    net = trained(SPNet(WIDTH, CLASSES, POOLS, **options))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):  # wide, for gates that are not all a half
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.5)
    return net


def ours(depth=50, spm=True, aux=True, **_) -> nn.Module:
    """The same network out of our backbone and head."""
    backbone = dict(
        type='mmseg_plugins.SPNetResNet',
        depth=depth,
        stem_channels=2 * WIDTH,
        base_channels=WIDTH,
    )
    if not spm:
        backbone['spm_blocks'] = ([], [], [], [])
    decode_head = dict(
        type='mmseg_plugins.StripPoolingHead',
        in_channels=32 * WIDTH,
        in_index=3,
        reduce_channels=16 * WIDTH,
        channels=8 * WIDTH,
        pool_sizes=POOLS,
    )
    return segmentor(backbone, decode_head, aux)


def image() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 57, 90, dtype=torch.float64)


def relative(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max()).item()


def loaded(weights: dict[str, Tensor], **options) -> nn.Module:
    model = ours(**options)
    model.load_state_dict(weights, strict=True)
    return model


@every_variant
def test_converted_weights_give_the_authors_numbers(options):
    net = authors(**options)
    with torch.no_grad():
        expected, expected_auxiliary = net(image())
    old = options.get('before_2020_05_27', False)
    converted = convert_spnet(net.state_dict(), before_2020_05_27=old)
    found, auxiliary = outputs(loaded(converted, **options), image())
    assert expected.std() > 1e-2
    assert relative(found, expected) < 1e-12
    assert (auxiliary is None) == (expected_auxiliary is None)
    if auxiliary is not None:
        assert relative(auxiliary, expected_auxiliary) < 1e-12


@pytest.mark.parametrize('old', [False, True], ids=['of today', 'of May 2020'])
def test_it_goes_on_training_as_the_authors_network(old):
    """The batch norms take the batch's own mean away, whatever bias came before."""
    options = dict(before_2020_05_27=old, bias=True)
    net = authors(**options)
    converted = convert_spnet(net.state_dict(), before_2020_05_27=old)
    model = loaded(converted).eval()
    net.pretrained.train()
    model.backbone.train()
    for found, expected in zip(
        model.backbone(image()), net.pretrained(image()), strict=True
    ):
        assert relative(found, expected) < 1e-12
    after = convert_spnet(net.state_dict(), before_2020_05_27=old)
    statistics = [key for key in after if '.running_' in key and '.layer4.' in key]
    for key in statistics:
        assert relative(model.state_dict()[key], after[key]) < 1e-11, key


@pytest.mark.parametrize('old', [False, True], ids=['as if old', 'as if of today'])
def test_control_pools_of_the_other_age_give_other_numbers(old):
    net = authors(before_2020_05_27=old)
    model = loaded(convert_spnet(net.state_dict(), before_2020_05_27=not old))
    with torch.no_grad():
        assert relative(outputs(model, image())[0], net(image())[0]) > 0.01


def test_control_a_forgotten_bias_gives_other_numbers():
    net = authors(bias=True)
    weights = net.state_dict()
    without = {
        key: value
        for key, value in weights.items()
        if not ('.spm.' in key and key.endswith(('conv1.bias', 'conv2.bias')))
    }
    assert len(weights) - len(without) == 12
    model = loaded(convert_spnet(without))
    with torch.no_grad():
        assert relative(outputs(model, image())[0], net(image())[0]) > 1e-3


SWAPS = [
    (
        'decode_head.mpms.0.pools.0.conv.weight',
        'decode_head.mpms.0.pools.1.conv.weight',
    ),
    ('decode_head.mpms.0.fuse.conv.weight', 'decode_head.mpms.1.fuse.conv.weight'),
    ('decode_head.mpms.1.fuse_short.bn.bias', 'decode_head.mpms.1.fuse_long.bn.bias'),
    (
        'backbone.layer4.1.spm.vertical.bn.bias',
        'backbone.layer4.1.spm.horizontal.bn.running_mean',
    ),
    ('backbone.layer4.0.spm.gate.weight', 'backbone.layer4.1.spm.gate.weight'),
]


@pytest.mark.parametrize(('one', 'other'), SWAPS, ids=[one for one, _ in SWAPS])
def test_control_two_swapped_tensors_give_other_numbers(one, other):
    net = authors(aux=False)
    weights = convert_spnet(net.state_dict())
    weights[one], weights[other] = weights[other], weights[one]
    model = loaded(weights, aux=False)
    with torch.no_grad():
        assert relative(outputs(model, image())[0], net(image())[0]) > 1e-5


def test_control_halves_of_the_reduction_in_the_other_order_give_other_numbers():
    net = authors(aux=False)
    weights = convert_spnet(net.state_dict())
    key = 'decode_head.mpms.0.reduce.conv.weight'
    weights[key] = weights[key].roll(len(weights[key]) // 2, 0)
    model = loaded(weights, aux=False)
    with torch.no_grad():
        assert relative(outputs(model, image())[0], net(image())[0]) > 1e-5


def bare(net: SPNet) -> dict[str, Tensor]:
    """What the authors' network has beside an ImageNet classifier."""
    return {k: v for k, v in net.state_dict().items() if '.fc.' not in k}


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[key], expected[key]) for key in expected
    )


@pytest.mark.parametrize(
    'options', [dict(), dict(spm=False), dict(aux=False), dict(depth=101)]
)
def test_there_and_back_is_bit_equal(options):
    weights = bare(authors(**options))
    converted = convert_spnet(weights)
    assert same(revert_spnet(converted), weights)
    assert same(convert_spnet(revert_spnet(converted)), converted)


def test_a_checkpoint_of_our_training_comes_back_too():
    checkpoint = dict(meta={}, state_dict=ours().state_dict())
    net = authors()
    net.load_state_dict(revert_spnet(checkpoint) | imagenet_classifier(net))
    with torch.no_grad():
        found = outputs(loaded(checkpoint['state_dict']), image())[0]
        assert relative(found, net(image())[0]) < 1e-12


def imagenet_classifier(net: SPNet) -> dict[str, Tensor]:
    return {k: v for k, v in net.state_dict().items() if '.fc.' in k}


def test_old_pools_come_back_as_todays():
    net = authors(before_2020_05_27=True, bias=True, aux=False)
    converted = convert_spnet(net.state_dict(), before_2020_05_27=True)
    today = authors(aux=False)
    today.load_state_dict(revert_spnet(converted) | imagenet_classifier(today))
    with torch.no_grad():
        assert relative(today(image())[0], net(image())[0]) < 1e-12


def test_an_imagenet_checkpoint_gives_the_backbone_alone(tmp_path):
    net = authors(spm=False).pretrained
    converted = convert_spnet(net.state_dict())
    assert all(key.startswith('backbone.') for key in converted)
    assert same(
        revert_spnet(converted),
        {k: v for k, v in net.state_dict().items() if not k.startswith('fc.')},
    )
    backbone = initialised(ours(spm=False).backbone, converted, tmp_path)
    with torch.no_grad():
        for found, expected in zip(backbone(image()), net(image()), strict=True):
            assert relative(found, expected) < 1e-12


def test_wrappers_and_prefixes_are_taken_off():
    weights = authors().state_dict()
    parallel = {f'module.{key}': value for key, value in weights.items()}
    checkpoint = dict(epoch=3, optimizer={}, state_dict=parallel)
    assert same(convert_spnet(checkpoint), convert_spnet(weights))


def test_counters_that_old_batch_norms_lack_may_be_missing():
    weights = {k: v for k, v in bare(authors()).items() if 'num_batches' not in k}
    converted = convert_spnet(weights)
    assert not [key for key in converted if 'num_batches' in key]
    assert same(revert_spnet(converted), weights)
    loaded(converted)  # PyTorch fills them in


def test_the_source_is_not_modified():
    net = authors(before_2020_05_27=True, bias=True)
    weights = net.state_dict()
    before = {key: value.clone() for key, value in weights.items()}
    convert_spnet(weights, before_2020_05_27=True)
    assert same(weights, before)
    converted = convert_spnet(weights)
    before = {key: value.clone() for key, value in converted.items()}
    revert_spnet(converted)
    assert same(converted, before)


def test_the_numbers_of_tensors_are_the_published_networks():
    """556 and 862 by the authors' names; each MPM's two reductions become one."""
    for depth, theirs in ((50, 556), (101, 862)):
        weights = bare(authors(depth=depth))
        assert (len(weights), len(convert_spnet(weights))) == (theirs, theirs - 12)


MISSING = [
    'pretrained.conv1.3.weight',
    'pretrained.layer2.0.downsample.1.bias',
    'pretrained.layer3.5.spm.conv1.weight',
    'pretrained.layer1.2.spm.bn2.running_var',
    'pretrained.layer4.0.spm.conv3.bias',
    'head.trans_layer.0.weight',
    'head.strip_pool1.conv1_2.0.weight',
    'head.strip_pool2.conv2_6.1.bias',
    'head.score_layer.4.bias',
    'auxlayer.conv5.4.weight',
]


@pytest.mark.parametrize('key', MISSING)
def test_a_missing_layer_is_named(key):
    weights = authors().state_dict()
    del weights[key]
    with pytest.raises(KeyError, match=f"'{key}' is missing, which the authors' SPNet"):
        convert_spnet(weights)


def test_one_missing_bias_of_a_strip_is_named():
    weights = authors(bias=True).state_dict()
    del weights['pretrained.layer4.1.spm.conv2.bias']
    with pytest.raises(KeyError, match=r"'pretrained\.layer4\.1\.spm\.conv2\.bias' is"):
        convert_spnet(weights)


@pytest.mark.parametrize(
    'key',
    [
        'pretrained.layer4.1.dual_se.conv1.weight',
        'pretrained.layer1.0.spm.conv1.weight',
        'pretrained.layer5.0.conv1.weight',
        'head.strip_pool3.conv3.0.weight',
        'head.strip_pool1.conv3.0.bias',
        'extra',
    ],
)
def test_an_unknown_key_is_named(key):
    weights = authors().state_dict() | {key: torch.zeros(1)}
    with pytest.raises(KeyError, match=r"'[a-z0-9_.]+' is (no key|missing)") as error:
        convert_spnet(weights)
    if 'dual_se' not in key:
        assert f"'{key}' is no key" in str(error.value)


def test_a_key_of_ours_that_the_authors_have_not_is_named():
    with pytest.raises(KeyError, match=r"'decode_head\.extra' is no key of our SPNet"):
        revert_spnet(ours().state_dict() | {'decode_head.extra': torch.zeros(1)})
    weights = ours().state_dict()
    del weights['decode_head.mpms.1.reduce.bn.bias']
    with pytest.raises(KeyError, match=r'reduce_short\.bn\.bias. is missing'):
        revert_spnet(weights)


def test_our_own_keys_are_refused():
    with pytest.raises(ValueError, match='load_from as it is'):
        convert_spnet(ours().state_dict())


def test_old_pools_without_an_spm_are_refused():
    with pytest.raises(ValueError, match='before_2020_05_27=True is about the SPMs'):
        convert_spnet(authors(spm=False).state_dict(), before_2020_05_27=True)


def test_the_log_says_what_was_found(caplog):
    caplog.set_level(logging.INFO)
    net = authors(before_2020_05_27=True, bias=True, name='dual_se')
    convert_spnet(net.state_dict(), before_2020_05_27=True)
    assert caplog.messages[-1].endswith(
        'SPMs: dual_se; their biases: folded; pools: of before 27 May 2020'
    )


@pytest.mark.parametrize(
    ('options', 'warned'),
    [
        (dict(), False),
        (dict(bias=True), True),
        (dict(name='dual_se'), True),
        (dict(spm=False), False),
    ],
)
def test_what_may_be_of_before_27_may_is_warned_of(caplog, options, warned):
    weights = authors(**options).state_dict()
    convert_spnet(weights)
    assert any('before_2020_05_27=True' in m for m in caplog.messages) == warned
    caplog.clear()
    if options.get('spm', True):
        convert_spnet(weights, before_2020_05_27=True)
        assert not caplog.messages


@pytest.mark.parametrize('depth', [50, 101])
def test_the_configs_are_the_authors_networks(repository, depth):
    name = f'spnet_r{depth}s-d8_4xb4-120e_ade20k-480x480'
    cfg = Config.fromfile(repository / f'configs/spnet/{name}.py').model
    with torch.device('meta'):
        model = MODELS.build(cfg)
        net = SPNet(64, 150, (20, 12), depth=depth)
    found, expected = model.state_dict(), convert_spnet(net.state_dict())
    assert {k: v.shape for k, v in found.items()} == {
        k: v.shape for k, v in expected.items()
    }


def test_the_tool_offers_both_ages_and_the_way_back():
    net = authors(before_2020_05_27=True)
    old = CONVERTERS['spnet-before-2020-05-27'](net.state_dict())
    assert same(old, convert_spnet(net.state_dict(), before_2020_05_27=True))
    assert CONVERTERS['spnet'] is convert_spnet
    assert CONVERTERS['spnet-back'] is revert_spnet
