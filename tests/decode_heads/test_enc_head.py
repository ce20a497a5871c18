"""EncHead: equal to mmseg's head of that name, without its defects."""

import copy
import warnings

import pytest
import torch
from mmseg.models.decode_heads import EncHead as StockEncHead
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.decode_heads import EncHead
from tests.decode_heads.comparison import make_samples, relative_difference
from tests.reference.encnet import classes_in, se_loss

BN = dict(type='BN')
IN_CHANNELS, SIZE = [8, 12, 16], (9, 7)
ARGUMENTS = dict(
    in_channels=IN_CHANNELS,
    in_index=[0, 1, 2],
    channels=16,
    num_codes=6,
    num_classes=5,
    dropout_ratio=0.0,
    norm_cfg=BN,
)
STOCK_SE = dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2)
every_lateral = pytest.mark.parametrize('add_lateral', [True, False])


def make_head(cls: type = EncHead, **kwargs) -> nn.Module:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # mmseg's advice about two classes
        return cls(**{**ARGUMENTS, **kwargs}).double()


def make_pair(**kwargs) -> tuple[EncHead, StockEncHead]:
    """Make both heads with the same random weights, all of which matter."""
    ours, stock = make_head(**kwargs), make_head(StockEncHead, **kwargs)
    for name, parameter in ours.named_parameters():
        if name.endswith('scale'):
            parameter.data.div_(20)  # or each pixel would belong to one codeword
        elif parameter.dim() < 2:
            nn.init.normal_(parameter, 0.5, 0.5)
    stock.load_state_dict(ours.state_dict())
    return ours, stock


def make_levels(batch: int = 2) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(batch, width, *SIZE).double() for width in IN_CHANNELS]


def make_labels(batch: int = 2, num_classes: int = 5) -> Tensor:
    torch.manual_seed(2)
    labels = torch.randint(0, num_classes, (batch, *SIZE))
    labels[:, :2] = 255
    labels[0] %= 2
    return labels


def total(losses: dict) -> Tensor:
    return sum(value for key, value in losses.items() if 'loss' in key)


def train_step(head: nn.Module, labels: Tensor) -> dict:
    losses = head.train().loss(make_levels(len(labels)), make_samples(labels), None)
    total(losses).backward()
    return losses


@every_lateral
@pytest.mark.parametrize('use_se_loss', [True, False])
def test_seeded_weights_are_those_of_stock(add_lateral, use_se_loss):
    kwargs = dict(add_lateral=add_lateral, use_se_loss=use_se_loss)
    ours, stock = make_head(**kwargs), make_head(StockEncHead, **kwargs)
    for _ in range(2):
        states = ours.state_dict(), stock.state_dict()
        assert list(states[0]) == list(states[1])
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
        for head in (ours, stock):
            torch.manual_seed(3)
            head.init_weights()


@every_lateral
@pytest.mark.parametrize('train', [True, False])
def test_logits_and_presence_equal_those_of_stock(add_lateral, train):
    ours, stock = make_pair(add_lateral=add_lateral)
    levels = make_levels()
    # SE-loss and presence are float32.
    with torch.no_grad():
        logits, presence_logits = stock.train(train)(levels)
        assert relative_difference(ours.train(train)(levels), logits) < 1e-10
        presence = ours.presence(levels)
        for weight in ours.enc_module.encoding[0].parameters():  # control
            weight.copy_(weight.flip(0))
            assert relative_difference(ours(levels), logits) > 1e-6
            weight.copy_(weight.flip(0))
    assert relative_difference(presence, presence_logits.sigmoid()) < 1e-6


@every_lateral
@pytest.mark.parametrize('loss_se', [{}, dict(loss_se_decode=STOCK_SE)])
def test_losses_and_gradients_equal_those_of_stock(add_lateral, loss_se):
    ours, stock = make_pair(add_lateral=add_lateral, **loss_se)
    inputs = [levels := make_levels(), copy.deepcopy(levels)]
    losses = []
    for head, levels in zip((ours, stock), inputs, strict=True):
        for level in levels:
            level.requires_grad_()
        losses.append(head.loss(levels, make_samples(make_labels()), None))
        total(losses[-1]).backward()
    assert list(losses[0]) == list(losses[1]) == ['loss_ce', 'acc_seg', 'loss_se']
    for key, value in losses[1].items():
        torch.testing.assert_close(losses[0][key], value, rtol=1e-6, atol=0)
    for name, parameter in stock.named_parameters():
        if parameter.grad.abs().max() > 1e-12:  # a bias before a norm has none
            gradient = ours.get_parameter(name).grad
            assert relative_difference(gradient, parameter.grad) < 1e-6, name
    for level, stock_level in zip(*inputs, strict=True):
        if stock_level.grad is not None:
            assert relative_difference(level.grad, stock_level.grad) < 1e-6


# What mmseg's head cannot do: each test ends with its failure


@pytest.mark.parametrize('batch', [1, 2])
def test_trains_without_se_loss(batch):
    head, labels = make_head(use_se_loss=False), make_labels(batch)
    assert list(train_step(head, labels)) == ['loss_ce', 'acc_seg']
    assert all(parameter.grad is not None for parameter in head.parameters())
    with pytest.raises(ValueError, match='use_se_loss=False'):
        head.presence(make_levels())
    with pytest.raises(Exception, match=r'unpack|spatial dim'):
        train_step(make_head(StockEncHead, use_se_loss=False), labels)


SIGMOID = dict(type='CrossEntropyLoss', use_sigmoid=True)
ONE_CLASS = dict(num_classes=1, threshold=0.3, loss_decode=SIGMOID)
ONE_LOGIT = dict(ONE_CLASS, num_classes=2, out_channels=1)
SOFTMAX_SE = dict(ONE_CLASS, loss_se_decode=dict(type='CrossEntropyLoss'))


@pytest.mark.parametrize(
    'kwargs',
    [
        ONE_CLASS,
        dict(ONE_CLASS, loss_se_decode=STOCK_SE),
        ONE_LOGIT,
        dict(ONE_LOGIT, loss_se_decode=STOCK_SE),
        dict(num_classes=2),
    ],
)
def test_labels_0_and_1_train_with_one_logit_and_with_two(kwargs):
    head, labels = make_head(**kwargs), make_labels(2, 2)
    labels[0] = 0  # an image of background alone
    losses = train_step(head, labels)
    assert head.se_layer.weight.grad.any()
    with torch.no_grad():
        probabilities = head.presence(make_levels())
    assert probabilities.shape == (2, kwargs['num_classes'])
    # Presence of labels 0 and 1, or of label 1 alone.
    presence = [row[-kwargs['num_classes'] :] for row in [[1, 0], [1, 1]]]
    expected = se_loss(probabilities.logit(), presence)
    assert losses['loss_se'].item() == pytest.approx(0.2 * expected)
    if kwargs['num_classes'] == 1:
        with pytest.raises((AssertionError, RuntimeError)):
            train_step(make_head(StockEncHead, **kwargs), labels)


def test_a_softmax_of_one_presence_logit_is_refused():
    with pytest.raises(ValueError, match='use_sigmoid=False: must be True'):
        train_step(make_head(**SOFTMAX_SE), make_labels(2, 2))


@pytest.mark.parametrize('ignore_index', [255, 0])
def test_losses_equal_the_plain_restatement_without_the_ignored_class(ignore_index):
    pixel_loss = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    ours, stock = make_pair(ignore_index=ignore_index, loss_decode=pixel_loss)
    labels = make_labels() if ignore_index == 255 else make_labels() % 5
    losses = train_step(ours, labels)
    with torch.no_grad():
        logits, presence_logits = stock.train()(make_levels())
    pixels = functional.cross_entropy(logits, labels, ignore_index=ignore_index)
    presence = se_loss(presence_logits, classes_in(labels, 5, ignore_index))
    assert losses['loss_ce'].item() == pytest.approx(pixels.item(), rel=1e-8)
    assert losses['loss_se'].item() == pytest.approx(0.2 * presence, rel=1e-6)
    if ignore_index == 0:
        stock_losses = train_step(stock, labels)
        assert (stock_losses['loss_se'] - losses['loss_se']).abs() > 1e-3


def test_images_without_labels_train_nothing():
    ours, stock = make_pair()
    labels = torch.full((2, *SIZE), 255)
    assert train_step(ours, labels)['loss_se'] == 0
    assert not ours.se_layer.weight.grad.any()
    assert train_step(stock, labels)['loss_se'] > 0.1


@pytest.mark.parametrize(
    ('norm_cfg', 'expected', 'stock_fails'),
    [
        (None, nn.BatchNorm1d, False),
        (dict(type=nn.BatchNorm2d, requires_grad=False), nn.BatchNorm1d, True),
        (dict(type='mmengine.BN'), nn.BatchNorm1d, True),
        (dict(type='IN'), nn.InstanceNorm1d, False),
        (dict(type='GN', num_groups=4), nn.GroupNorm, True),
    ],
)
def test_codes_have_the_norm_of_the_maps(norm_cfg, expected, stock_fails):
    head = make_head(norm_cfg=norm_cfg)
    assert isinstance(head.enc_module.encoding[1], expected)
    train_step(head, make_labels())
    if stock_fails:
        with pytest.raises((AttributeError, ValueError)):
            train_step(make_head(StockEncHead, norm_cfg=norm_cfg), make_labels())


def test_se_losses_of_a_list_add_up_by_name():
    ours = dict(type='mmseg_plugins.SELoss')
    other = dict(ours, loss_weight=0.7, loss_name='loss_se_more')
    head = make_head(loss_se_decode=[ours, STOCK_SE, other])
    losses = train_step(head, make_labels())
    assert list(losses) == ['loss_ce', 'acc_seg', 'loss_se', 'loss_se_more']
    once = train_step(make_head(), make_labels())['loss_se']
    torch.testing.assert_close(losses['loss_se'], 2 * once)
    torch.testing.assert_close(losses['loss_se_more'], 3.5 * once)
    with pytest.raises((TypeError, AttributeError)):
        train_step(make_head(StockEncHead, loss_se_decode=[STOCK_SE]), make_labels())


def large_levels() -> list[Tensor]:
    """Make levels under which the input of the encoding is as large as 20."""
    torch.manual_seed(1)
    return [20.0 * (torch.rand(1, width, 72, 72) < 0.9) for width in IN_CHANNELS]


def head_for_large_levels(cls: type = EncHead) -> nn.Module:
    head = make_head(cls, channels=256).float()
    norm = head.enc_module.encoding_project.bn
    nn.init.constant_(norm.weight, 7.0)
    nn.init.constant_(norm.bias, 14.0)
    head.enc_module.encoding[1].momentum = 1.0
    head.train()(large_levels())  # for the running statistics
    return head.eval()


@torch.no_grad()
def test_a_head_in_half_precision_gives_the_numbers_of_one_in_float32():
    head, levels = head_for_large_levels(), large_levels()
    expected = head(levels), head.presence(levels)
    running_var = head.enc_module.encoding[1].running_var.clone()
    assert running_var.max() > torch.finfo(torch.float16).max
    head.half()
    levels = [level.half() for level in levels]
    actual = head(levels), head.presence(levels)
    assert actual[0].dtype == torch.float16
    assert relative_difference(actual[0].float(), expected[0]) < 0.02
    assert relative_difference(actual[1], expected[1]) < 0.02
    assert torch.equal(head.enc_module.encoding[1].running_var, running_var)
    assert head.double().enc_module.encoding[1].running_var.dtype == torch.float64
    _, presence_logits = head_for_large_levels(StockEncHead).half()(levels)
    assert not presence_logits.isfinite().all()
