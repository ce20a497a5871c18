"""CrossEntropyLoss: class weights as in torch, and otherwise mmseg's loss."""

from pathlib import Path

import mmseg.models.losses
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional

from mmseg_plugins.losses import CrossEntropyLoss

WEIGHTS = [1.0, 2.0, 0.5, 0.0, 3.0]
BASES = Path(__file__).parents[2].joinpath('configs/_base_/models').glob('*.py')
MODEL_BASES = [path for path in sorted(BASES) if path.stem != 'xception_classifier']
# mmseg adds the epsilon of float32 to the divisor.
CLOSE = dict(rtol=1e-8, atol=1e-15)


def make_batch(num_logits: int = 5, ignored: int = 3) -> tuple[Tensor, Tensor]:
    """Make logits (2, K, 7, 9) and labels (2, 7, 9), whose first rows are ignored."""
    torch.manual_seed(0)
    logits = torch.randn(2, num_logits, 7, 9, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, max(2, num_logits), (2, 7, 9))
    labels[:, :ignored] = 255
    return logits, labels


@pytest.mark.parametrize('avg_non_ignore', [True, False])
@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_class_weight_equals_torch(avg_non_ignore, reduction):
    logits, labels = make_batch()
    loss = CrossEntropyLoss(
        class_weight=WEIGHTS, reduction=reduction, avg_non_ignore=avg_non_ignore
    )
    weight, options = logits.new_tensor(WEIGHTS), dict(ignore_index=255)
    options['reduction'] = reduction
    actual = loss(logits, labels, ignore_index=255)
    expected = functional.cross_entropy(logits, labels, weight, **options)
    torch.testing.assert_close(actual, expected, **CLOSE)
    gradients = [torch.autograd.grad(value, logits)[0] for value in (actual, expected)]
    torch.testing.assert_close(*gradients, **CLOSE)
    plain = functional.cross_entropy(logits, labels, **options)  # control
    assert (actual - plain).abs() > 1e-3


def test_class_weight_of_many_pixels_does_not_overflow_in_float16():
    labels = torch.ones(2, 300, 400, dtype=torch.long)
    logits = torch.zeros(2, 2, 300, 400, dtype=torch.float16)
    with torch.autocast('cpu', torch.float16):
        loss = CrossEntropyLoss(class_weight=[1.0, 2.0])(logits, labels)
    assert loss.item() == pytest.approx(0.693, rel=1e-2)  # log 2


@pytest.mark.parametrize('num_logits', [5, 1])
def test_class_weight_with_sigmoid_is_pos_weight(num_logits):
    logits, labels = make_batch(num_logits)
    weight = logits.new_tensor(WEIGHTS[-num_logits:])
    loss = CrossEntropyLoss(
        use_sigmoid=True, avg_non_ignore=True, class_weight=weight.tolist()
    )
    classes = labels[:, 3:, :, None]  # (N, H, W, 1)
    targets = classes == (1 if num_logits == 1 else torch.arange(5))
    # (N, H, W, K), so that the weights are of the last axis
    arguments = logits[:, :, 3:].permute(0, 2, 3, 1), targets.double()
    bce = functional.binary_cross_entropy_with_logits
    actual = loss(logits, labels, ignore_index=255).double()  # mmseg's is float32
    expected = bce(*arguments, pos_weight=weight)
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=0)
    assert (actual - bce(*arguments)).abs() > 1e-3  # control


OPTIONS = [
    dict(),
    dict(avg_non_ignore=True, loss_weight=0.4),
    dict(reduction='sum'),
    dict(use_sigmoid=True),
]


@pytest.mark.parametrize('options', OPTIONS, ids=str)
def test_without_class_weight_it_is_the_loss_of_mmseg(options):
    logits, labels = make_batch()
    stock = mmseg.models.losses.CrossEntropyLoss(**options)
    for arguments in (dict(), dict(weight=torch.rand(2, 7, 9))):
        arguments['ignore_index'] = 255
        if options.get('use_sigmoid'):
            arguments.pop('weight', None)
        actual = CrossEntropyLoss(**options)(logits, labels, **arguments)
        assert torch.equal(actual, stock(logits, labels, **arguments))


def test_ignored_labels_only_give_zero():
    logits, labels = make_batch(ignored=7)
    loss = CrossEntropyLoss(class_weight=WEIGHTS, avg_non_ignore=True)
    value = loss(logits, labels, ignore_index=255)
    value.backward()
    assert value == 0
    assert not logits.grad.any()


@pytest.mark.parametrize('options', OPTIONS, ids=str)
def test_class_weight_needs_one_entry_per_logit(options):
    loss = CrossEntropyLoss(class_weight=WEIGHTS[1:], **options)
    with pytest.raises(ValueError, match='class_weight has 4 entries: must have 5'):
        loss(*make_batch(), ignore_index=255)


@pytest.mark.parametrize('path', MODEL_BASES, ids=lambda path: path.stem)
def test_every_base_config_takes_class_weight_by_cfg_options(path):
    cfg = Config.fromfile(path)
    losses = {  # of several losses, the first
        head: 'loss_decode.0' if isinstance(config.loss_decode, list) else 'loss_decode'
        for head, config in cfg.model.items()
        if head.endswith('_head') and 'loss_decode' in config
    }
    for head, loss in losses.items():
        cfg.merge_from_dict({f'model.{head}.{loss}.class_weight': WEIGHTS})
    logits, labels = make_batch()
    weight = logits.new_tensor(WEIGHTS)
    for head, loss in losses.items():
        loss_cfg = cfg.model[head].loss_decode
        loss_cfg = loss_cfg if loss == 'loss_decode' else loss_cfg[0]
        actual = MODELS.build(loss_cfg)(logits, labels, ignore_index=255)
        reduction = loss_cfg.get('reduction', 'mean')
        expected = functional.cross_entropy(
            logits, labels, weight, ignore_index=255, reduction=reduction
        )
        expected = expected * loss_cfg.get('loss_weight', 1.0)
        torch.testing.assert_close(actual, expected, **CLOSE)
