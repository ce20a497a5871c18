"""class_presence and SELoss against the paper's words and mmseg's head."""

import pytest
import torch
from mmseg.models.decode_heads import EncHead as StockEncHead
from reference.encnet import classes_in, se_loss
from torch.nn import functional

from mmseg_plugins.losses import SELoss, class_presence


def stock_presence(labels: torch.Tensor, num_classes: int) -> torch.Tensor:
    return StockEncHead._convert_to_onehot_labels(labels, num_classes)


def make_labels(num_classes: int, ignore_index: int) -> torch.Tensor:
    """Images of few classes, of all, of the last and of none."""
    torch.manual_seed(0)
    labels = torch.randint(0, num_classes, (4, 12, 9))
    labels[0] %= max(num_classes // 3, 1)
    labels[2] = num_classes - 1
    labels[:3, :4] = ignore_index
    labels[3] = ignore_index
    return labels


CASES = [
    (19, 255),
    (19, -1),
    (19, -100),
    (19, 0),
    (19, 18),
    (300, 255),
    (1, 255),
    (2, 255),
    (150, 255),
    (5000, 255),
]


@pytest.mark.parametrize(('num_classes', 'ignore_index'), CASES)
def test_presence_is_that_of_the_labels(num_classes, ignore_index):
    labels = make_labels(num_classes, ignore_index)
    expected = torch.tensor(classes_in(labels, num_classes, ignore_index)).float()
    assert torch.equal(class_presence(labels, num_classes, ignore_index), expected)


@pytest.mark.parametrize(
    ('num_classes', 'ignore_index'), [(19, 0), (19, 18), (300, 255), (1, 255)]
)
def test_defects_2_and_3_stock_counts_ignored_labels(num_classes, ignore_index):
    labels = make_labels(num_classes, ignore_index)
    expected = torch.tensor(classes_in(labels, num_classes, ignore_index))
    assert not torch.equal(stock_presence(labels, num_classes), expected)


def test_defect_4_stock_puts_labels_of_many_classes_into_wrong_bins():
    labels = torch.arange(5000).view(5000, 1, 1)
    ours = class_presence(labels, 5000, ignore_index=-1)
    assert torch.equal(ours, torch.eye(5000))
    assert not torch.equal(stock_presence(labels, 5000), torch.eye(5000).long())


@pytest.mark.parametrize(('num_classes', 'ignore_index'), [(19, 255), (150, 255)])
def test_control_stock_agrees_on_ordinary_labels(num_classes, ignore_index):
    labels = make_labels(num_classes, ignore_index)
    found = class_presence(labels, num_classes, ignore_index)
    assert torch.equal(found, stock_presence(labels, num_classes).float())


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_presence_takes_any_integers_and_a_channel(dtype):
    labels = make_labels(19, 255)
    expected = class_presence(labels, 19)
    assert torch.equal(class_presence(labels.to(dtype)[:, None], 19), expected)


def test_labels_that_are_no_class_count_for_none():
    labels = torch.tensor([[[-7, 4, 5, 1000]]])
    assert class_presence(labels, 5, None).tolist() == [[0, 0, 0, 0, 1]]


def test_nothing_waits_for_the_device():
    labels = torch.empty(2, 8, 8, dtype=torch.long, device='meta')
    logits = torch.empty(2, 5, device='meta')
    assert class_presence(labels, 5).device.type == 'meta'
    assert SELoss()(logits, labels).device.type == 'meta'


def test_control_what_waits_for_the_device_is_found():
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.empty(2, dtype=torch.long, device='meta').unique()


def test_presence_is_allowed_among_deterministic_algorithms():
    torch.use_deterministic_algorithms(True)
    try:
        class_presence(make_labels(19, 255), 19)
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize('shape', [(8, 8), (2, 3, 8, 8), (1, 1, 1, 8, 8)])
def test_labels_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match='labels have shape'):
        class_presence(torch.zeros(shape).long(), 5)


@pytest.mark.parametrize('shape', [(2, 5, 8, 8), (3, 5), (5,)])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match='one row per image'):
        SELoss()(torch.zeros(shape), torch.zeros(2, 8, 8).long())


@pytest.mark.parametrize('num_classes', [1, 2, 19])
def test_loss_equals_the_plain_restatement(num_classes):
    labels = make_labels(num_classes, 255)[:3]
    logits = torch.randn(3, num_classes)
    expected = se_loss(logits, classes_in(labels, num_classes, 255))
    assert SELoss(loss_weight=1.0)(logits, labels).item() == pytest.approx(expected)
    assert SELoss()(logits, labels).item() == pytest.approx(0.2 * expected)


def test_an_image_without_labels_is_left_out():
    labels, logits = make_labels(19, 255), torch.randn(4, 19, requires_grad=True)
    loss = SELoss()(logits, labels)
    loss.backward()
    assert torch.equal(loss, SELoss()(logits[:3], labels[:3]))
    assert logits.grad[:3].all()
    assert not logits.grad[3].any()


def test_an_image_without_labels_says_that_all_is_absent_if_asked():
    labels, logits = make_labels(19, 255), torch.randn(4, 19)
    expected = se_loss(logits, classes_in(labels, 19, 255))
    loss = SELoss(avg_non_ignore=False, loss_weight=1.0)(logits, labels)
    assert loss.item() == pytest.approx(expected)


def test_another_criterion_gets_logits_and_presence():
    labels, logits = make_labels(19, 255)[:3], torch.randn(3, 19)
    criterion = dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True, loss_weight=0.5)
    loss = SELoss(criterion=criterion, loss_weight=0.4)(logits, labels)
    torch.testing.assert_close(loss, SELoss()(logits, labels))


def test_control_a_loss_of_other_labels_differs():
    labels, logits = make_labels(19, 255)[:3], torch.randn(3, 19)
    other = functional.pad(labels[:, 1:], (0, 0, 0, 1), value=7)
    assert (SELoss()(logits, labels) - SELoss()(logits, other)).abs() > 1e-4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_defect_10_a_gpu_neither_waits_nor_refuses_determinism():
    labels, logits = make_labels(19, 255).cuda(), torch.zeros(4, 19).cuda()
    torch.use_deterministic_algorithms(True)
    torch.cuda.set_sync_debug_mode('error')
    try:
        presence = class_presence(labels, 19)
        SELoss()(logits, labels)
        with pytest.raises(RuntimeError):
            stock_presence(labels, 19)
    finally:
        torch.cuda.set_sync_debug_mode('default')
        torch.use_deterministic_algorithms(False)
    assert torch.equal(presence.cpu(), class_presence(labels.cpu(), 19))
