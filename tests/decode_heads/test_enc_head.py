"""EncHead against mmseg's head of that name, and its own promises."""

import copy
import warnings

import pytest
import torch
from cases import NETWORKS
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.structures import PixelData
from mmseg.models.decode_heads import EncHead as StockEncHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from reference.encnet import classes_in, se_loss
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional

from mmseg_plugins.decode_heads import EncHead
from mmseg_plugins.layers import Encoding

BN = dict(type='BN')
IN_CHANNELS, SIZE = [8, 12, 16], (9, 7)
STOCK_SE = dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2)
every_lateral = pytest.mark.parametrize('add_lateral', [True, False])


def make_head(cls: type = EncHead, **kwargs) -> nn.Module:
    torch.manual_seed(0)
    arguments = dict(
        in_channels=IN_CHANNELS,
        in_index=[0, 1, 2],
        channels=16,
        num_codes=6,
        num_classes=5,
        dropout_ratio=0.0,
        norm_cfg=BN,
    )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # the host's advice on two classes
        return cls(**{**arguments, **kwargs})


def make_pair(**kwargs) -> tuple[EncHead, StockEncHead]:
    """Both heads with the same random weights, of sizes that reach every output."""
    ours, stock = make_head(**kwargs), make_head(StockEncHead, **kwargs)
    for name, parameter in ours.named_parameters():
        if name.endswith('scale'):
            parameter.data.div_(20)  # else each pixel belongs to one codeword
        elif parameter.dim() < 2:
            nn.init.normal_(parameter, 0.5, 0.5)
    stock.load_state_dict(ours.state_dict())
    return ours, stock


def make_levels(batch: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.randn(batch, width, *SIZE) for width in IN_CHANNELS]


def make_samples(labels: torch.Tensor) -> list[SegDataSample]:
    return [SegDataSample(gt_sem_seg=PixelData(data=image[None])) for image in labels]


def make_labels(batch: int = 2, num_classes: int = 5) -> torch.Tensor:
    torch.manual_seed(2)
    labels = torch.randint(0, num_classes, (batch, *SIZE))
    labels[:, :2] = 255
    labels[0] %= 2
    return labels


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


def total(losses: dict) -> torch.Tensor:
    return sum(value for key, value in losses.items() if 'loss' in key)


def train_step(head: nn.Module, labels: torch.Tensor) -> dict:
    losses = head.train().loss(make_levels(len(labels)), make_samples(labels), None)
    total(losses).backward()
    return losses


# Drop-in for the stock head


@every_lateral
@pytest.mark.parametrize('use_se_loss', [True, False])
def test_a_seeded_build_has_stocks_weights(add_lateral, use_se_loss):
    kwargs = dict(add_lateral=add_lateral, use_se_loss=use_se_loss)
    ours = make_head(**kwargs).state_dict()
    stock = make_head(StockEncHead, **kwargs).state_dict()
    assert list(ours) == list(stock)
    assert all(torch.equal(ours[key], stock[key]) for key in ours)


def test_own_initialisation_is_stocks():
    states = []
    for cls in (EncHead, StockEncHead):
        head = make_head(cls)
        head.init_weights()
        states.append(head.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[1])


@every_lateral
@pytest.mark.parametrize('train', [True, False])
def test_logits_and_presence_equal_stocks(add_lateral, train):
    ours, stock = make_pair(add_lateral=add_lateral)
    levels = make_levels()
    with torch.no_grad():
        logits, presence_logits = stock.train(train)(levels)
        assert relative_difference(ours.train(train)(levels), logits) < 1e-5
        presence = ours.presence(levels)
    assert relative_difference(presence, presence_logits.sigmoid()) < 1e-5


@every_lateral
def test_losses_and_gradients_equal_stocks(add_lateral):
    ours, stock = make_pair(add_lateral=add_lateral)
    found = [levels := make_levels(), copy.deepcopy(levels)]
    losses = []
    for head, inputs in zip((ours, stock), found, strict=True):
        for level in inputs:
            level.requires_grad_()
        losses.append(head.loss(inputs, make_samples(make_labels()), None))
        total(losses[-1]).backward()
    assert list(losses[0]) == list(losses[1]) == ['loss_ce', 'acc_seg', 'loss_se']
    for key, value in losses[1].items():
        torch.testing.assert_close(losses[0][key], value, rtol=1e-5, atol=0)
    expected = dict(stock.named_parameters())
    for name, parameter in ours.named_parameters():
        theirs = expected[name].grad
        if theirs.abs().max() > 1e-6:  # a bias before a norm has none
            assert relative_difference(parameter.grad, theirs) < 1e-4, name
    used = zip(*found, strict=True) if add_lateral else [(found[0][-1], found[1][-1])]
    for mine, theirs in used:
        assert relative_difference(mine.grad, theirs.grad) < 1e-4


@pytest.mark.parametrize('name', ['codewords', 'scale'])
def test_control_another_weight_differs(name):
    ours, stock = make_pair()
    with torch.no_grad():
        weight = getattr(stock.enc_module.encoding[0], name)
        weight.copy_(weight.flip(0))
        logits, _ = stock.eval()(make_levels())
        assert relative_difference(ours.eval()(make_levels()), logits) > 1e-5


def test_stocks_se_loss_config_gives_the_same_numbers():
    found = make_head(loss_se_decode=STOCK_SE)
    losses, default = train_step(found, make_labels()), make_head()
    assert list(losses) == ['loss_ce', 'acc_seg', 'loss_se']
    expected = train_step(default, make_labels())
    torch.testing.assert_close(losses['loss_se'], expected['loss_se'])


# What the stock head cannot do


def test_trains_without_se_loss():
    head = make_head(use_se_loss=False)
    assert list(train_step(head, make_labels())) == ['loss_ce', 'acc_seg']
    assert all(p.grad is not None for p in head.parameters())


@pytest.mark.parametrize('batch', [1, 2, 3])
def test_defect_1_stock_does_not_train_without_se_loss(batch):
    head = make_head(StockEncHead, use_se_loss=False)
    with pytest.raises(Exception, match=r'unpack|spatial dim'):
        train_step(head, make_labels(batch))


SIGMOID = dict(type='CrossEntropyLoss', use_sigmoid=True)
FEW_CLASSES = {
    'one': dict(num_classes=1, threshold=0.3, loss_decode=SIGMOID),
    'two': dict(num_classes=2),
    'two by one logit': dict(
        num_classes=2, out_channels=1, threshold=0.3, loss_decode=SIGMOID
    ),
}


@pytest.mark.parametrize('case', FEW_CLASSES)
@pytest.mark.parametrize('batch', [1, 2])
def test_trains_with_few_classes(case, batch):
    kwargs = FEW_CLASSES[case]
    head = make_head(**kwargs)
    losses = train_step(head, make_labels(batch, kwargs['num_classes']))
    assert losses['loss_se'] > 0
    assert head.se_layer.weight.grad.abs().sum() > 0
    assert head.presence(make_levels()).shape == (2, kwargs['num_classes'])


def test_defect_2_stock_does_not_train_with_one_class():
    head = make_head(StockEncHead, **FEW_CLASSES['one'])
    with pytest.raises((AssertionError, RuntimeError)):
        train_step(head, make_labels(2, 1))


def presence_logits_of(head: nn.Module) -> torch.Tensor:
    _, semantics = head.train()._encode(make_levels())
    return head.se_layer(semantics)


def test_an_ignored_class_is_not_present():
    head, labels = make_head(ignore_index=0), make_labels() % 5
    expected = se_loss(presence_logits_of(head), classes_in(labels, 5, 0))
    assert train_step(head, labels)['loss_se'].item() == pytest.approx(0.2 * expected)


def test_defect_3_stock_takes_an_ignored_class_for_present():
    ours, stock = make_pair(ignore_index=0)
    labels = make_labels() % 5
    expected = train_step(ours, labels)['loss_se']
    assert (train_step(stock, labels)['loss_se'] - expected).abs() > 1e-3


def test_an_image_without_labels_trains_nothing():
    head = make_head()
    assert train_step(head, torch.full((2, *SIZE), 255))['loss_se'] == 0
    assert not head.se_layer.weight.grad.any()


def test_defect_5_stock_learns_from_images_without_labels():
    head = make_head(StockEncHead)
    assert train_step(head, torch.full((2, *SIZE), 255))['loss_se'] > 0.1


NORMS = {
    'class': (dict(type=nn.BatchNorm2d), nn.BatchNorm1d),
    'class, frozen': (dict(type=nn.BatchNorm2d, requires_grad=False), nn.BatchNorm1d),
    'scoped': (dict(type='mmengine.BN'), nn.BatchNorm1d),
    '2d': (dict(type='BN2d', eps=1e-3), nn.BatchNorm1d),
    'none': (None, nn.BatchNorm1d),
    'instance': (dict(type='IN'), nn.InstanceNorm1d),
    'groups': (dict(type='GN', num_groups=4), nn.GroupNorm),
    'class of groups': (dict(type=nn.GroupNorm, num_groups=4), nn.GroupNorm),
    'sync': (dict(type='SyncBN'), nn.SyncBatchNorm),
}


@pytest.mark.parametrize('case', NORMS)
def test_codes_have_a_norm_of_the_maps_kind(case):
    norm_cfg, expected = NORMS[case]
    head = make_head(norm_cfg=norm_cfg)
    norm = head.enc_module.encoding[1]
    assert isinstance(norm, expected)
    assert norm.eps == (norm_cfg or {}).get('eps', 1e-5)
    if case == 'sync':  # needs a GPU to train
        head.eval()(make_levels())
    else:
        train_step(head, make_labels())


@pytest.mark.parametrize('case', ['class', 'scoped', 'groups', 'class of groups'])
def test_defect_6_stock_fails_with_these_norms(case):
    with pytest.raises((AttributeError, ValueError)):
        train_step(make_head(StockEncHead, norm_cfg=NORMS[case][0]), make_labels())


def test_a_norm_that_the_host_does_not_know_is_the_hosts_error():
    with pytest.raises(KeyError):
        make_head(norm_cfg=dict(type='NoNorm'))


def test_se_losses_of_a_list_add_up_by_name():
    ours = dict(type='mmseg_plugins.SELoss')
    other = dict(ours, loss_weight=0.7, loss_name='loss_se_more')
    head = make_head(loss_se_decode=[ours, STOCK_SE, other])
    losses = train_step(head, make_labels())
    assert list(losses) == ['loss_ce', 'acc_seg', 'loss_se', 'loss_se_more']
    once = train_step(make_head(), make_labels())['loss_se']
    torch.testing.assert_close(losses['loss_se'], 2 * once)
    torch.testing.assert_close(losses['loss_se_more'], 3.5 * once)


def test_defect_7_stock_takes_no_list_of_se_losses():
    with pytest.raises((TypeError, AttributeError)):
        train_step(make_head(StockEncHead, loss_se_decode=[STOCK_SE]), make_labels())


def half_inputs() -> list[torch.Tensor]:
    """Levels that make the encoding's input as large as 20."""
    torch.manual_seed(1)
    return [20.0 * (torch.rand(1, width, 72, 72) < 0.9) for width in IN_CHANNELS]


def half_head(cls: type = EncHead) -> nn.Module:
    head = make_head(cls, channels=256)
    norm = head.enc_module.encoding_project.bn
    nn.init.constant_(norm.weight, 7.0)
    nn.init.constant_(norm.bias, 14.0)
    head.enc_module.encoding[1].momentum = 1.0
    head.train()(half_inputs())  # for the statistics
    return head.eval()


def test_a_half_precision_head_gives_the_numbers_of_a_full_one():
    head, levels = half_head(), half_inputs()
    with torch.no_grad():
        logits, presence = head(levels), head.presence(levels)
        head.half()
        levels = [level.half() for level in levels]
        found, found_presence = head(levels), head.presence(levels)
    assert found.dtype == torch.float16
    assert relative_difference(found.float(), logits) < 0.02
    assert relative_difference(found_presence, presence) < 0.02


def test_defect_8_stock_in_half_precision_is_not_finite():
    with torch.no_grad():
        presence_logits = half_head(StockEncHead).half()(
            [level.half() for level in half_inputs()]
        )[1]
    assert not presence_logits.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_is_finite_with_activations_of_20(dtype):
    head = half_head().train()
    labels = torch.randint(0, 5, (1, 72, 72))
    with torch.autocast('cpu', dtype):
        losses = head.loss(half_inputs(), make_samples(labels), None)
    total(losses).backward()
    assert all(value.isfinite().all() for value in losses.values())
    for name, parameter in head.named_parameters():
        if 'lateral' not in name:
            assert parameter.grad.isfinite().all(), name


def test_code_statistics_stay_in_float32_and_are_kept():
    head = half_head()
    running_var = head.enc_module.encoding[1].running_var.clone()
    assert running_var.max() > torch.finfo(torch.float16).max
    head.half()
    norm = head.enc_module.encoding[1]
    assert torch.equal(norm.running_var, running_var)
    assert head.double().enc_module.encoding[1].running_var.dtype == torch.float64
    assert head.float().bottleneck.conv.weight.dtype == torch.float32


def test_a_training_step_keeps_nothing_of_the_size_of_all_residuals():
    def largest(cls: type) -> int:
        sizes = []
        head = make_head(cls, num_codes=32)
        with saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            head.loss(make_levels(), make_samples(make_labels()), None)
        return max(sizes)

    pixels, residuals = 2 * SIZE[0] * SIZE[1], 2 * SIZE[0] * SIZE[1] * 32 * 16
    assert largest(StockEncHead) == residuals  # control
    assert largest(EncHead) <= 32 * pixels


# The seed's four modes


def make_segmentor(use_se_loss: bool, aux_weight: float) -> nn.Module:
    torch.manual_seed(0)
    pixel_loss = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    encnet = NETWORKS['encnet']
    head = dict(
        encnet['decode_head'],
        use_se_loss=use_se_loss,
        dropout_ratio=0.0,
        loss_decode=pixel_loss,
    )
    auxiliary = dict(
        type='FCNHead',
        in_channels=16,
        in_index=2,
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=5,
        dropout_ratio=0.0,
        norm_cfg=BN,
        loss_decode=dict(pixel_loss, loss_weight=aux_weight),
    )
    return MODELS.build(
        ConfigDict(
            type='EncoderDecoder',
            backbone=encnet['backbone'],
            decode_head=head,
            auxiliary_head=auxiliary if aux_weight else None,
            test_cfg=dict(mode='whole'),
        )
    )


def pixel_loss(logits: torch.Tensor, labels: torch.Tensor) -> float:
    logits = functional.interpolate(logits, labels.shape[1:], mode='bilinear')
    return functional.cross_entropy(logits, labels, ignore_index=255).item()


@pytest.mark.parametrize('use_se_loss', [True, False])
@pytest.mark.parametrize('aux_weight', [0.0, 0.4])
def test_total_is_the_sum_of_the_modes_losses(use_se_loss, aux_weight):
    model = make_segmentor(use_se_loss, aux_weight).train()
    images, labels = torch.randn(2, 3, 64, 96), torch.randint(0, 3, (2, 64, 96))
    labels[:, :9] = 255
    found, _ = model.parse_losses(model(images, make_samples(labels), mode='loss'))
    with torch.no_grad():
        levels = model.extract_feat(images)
        expected = pixel_loss(model.decode_head(levels), labels)
        if aux_weight:
            logits = model.auxiliary_head(levels)
            expected += aux_weight * pixel_loss(logits, labels)
        if use_se_loss:
            _, semantics = model.decode_head._encode(levels)
            logits = model.decode_head.se_layer(semantics)
            expected += 0.2 * se_loss(logits, classes_in(labels, 5, 255))
    assert found.item() == pytest.approx(expected, rel=1e-5)


# Presence


def test_a_prediction_can_carry_presence_by_class_name():
    model = make_segmentor(True, 0.4).eval()
    images, classes = torch.randn(2, 3, 64, 96), tuple('abcde')
    with torch.no_grad():
        samples = model(images, mode='predict')
        levels = model.extract_feat(images)
        model.decode_head.add_presence(samples, levels, classes)
        expected = model.decode_head.presence(levels)
    for sample, row in zip(samples, expected, strict=True):
        assert sample.presence == dict(zip(classes, row.tolist(), strict=True))
        assert sample.to_dict()['presence'] == sample.presence
        assert sample.pred_sem_seg.shape == (64, 96)


def test_class_names_of_another_dataset_are_refused():
    with pytest.raises(ValueError, match='3 class names for num_classes=5'):
        make_head().add_presence([], make_levels(), 'abc')


def test_presence_needs_the_se_loss():
    with pytest.raises(ValueError, match='use_se_loss=False'):
        make_head(use_se_loss=False).presence(make_levels())


# In the host


@pytest.mark.parametrize('scope', ['mmseg', 'mmengine', 'mmseg_plugins', None])
def test_default_losses_are_found_under_any_scope(scope):
    with DefaultScope.overwrite_default_scope(scope):
        head = make_head(norm_cfg=None)
        init_default_scope('mmseg')
    assert len(head.loss_se_decode) == 1


def test_stocks_model_config_needs_another_type_only():
    cfg = dict(
        type='EncHead',
        in_channels=IN_CHANNELS,
        in_index=(0, 1, 2),
        channels=16,
        num_codes=6,
        use_se_loss=True,
        add_lateral=False,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=BN,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
        loss_se_decode=STOCK_SE,
    )
    stock = MODELS.build(cfg)
    assert type(stock) is StockEncHead
    for name in ('mmseg_plugins.EncHead', 'SEEncHead', EncHead):
        head = MODELS.build(dict(cfg, type=name))
        assert type(head) is EncHead
        head.load_state_dict(stock.state_dict())


def test_the_layer_is_ours():
    assert type(make_head().enc_module.encoding[0]) is Encoding
