"""class_presence and SELoss against the paper's words and mmseg's head."""

import pytest
import torch
from mmseg.models.decode_heads import EncHead as StockEncHead

from mmseg_plugins.losses import SELoss, class_presence
from tests.reference.encnet import classes_in, se_loss

CASES = [(19, 255), (19, -100), (19, 0), (19, 18), (300, 255), (5000, 255)]
#: Where mmseg's EncHead counts the ignored label for a class.
WRONG_IN_STOCK = [(19, 0), (19, 18), (300, 255)]
#: Background alone, both, label 1 alone, all ignored; and where label 1 occurs.
ONE_LOGIT_LABELS = torch.tensor([[[0, 255]], [[0, 1]], [[1, 1]], [[255, 255]]])
ONE_LOGIT_PRESENCE = [[0], [1], [1], [0]]


def stock_presence(labels: torch.Tensor, num_classes: int) -> torch.Tensor:
    return StockEncHead._convert_to_onehot_labels(labels, num_classes)


def make_labels(num_classes: int, ignore_index: int = 255) -> torch.Tensor:
    """Return images of few classes, of all, of the last and of none."""
    torch.manual_seed(0)
    labels = torch.randint(0, num_classes, (4, 12, 9))
    labels[0] %= max(num_classes // 3, 1)
    labels[2] = num_classes - 1
    labels[:3, :4] = ignore_index
    labels[3] = ignore_index
    return labels


@pytest.mark.parametrize(('num_classes', 'ignore_index'), CASES)
def test_presence_is_that_of_the_labels(num_classes, ignore_index):
    labels = make_labels(num_classes, ignore_index)
    expected = torch.tensor(classes_in(labels, num_classes, ignore_index)).float()
    assert torch.equal(class_presence(labels, num_classes, ignore_index), expected)
    if num_classes < 5000:
        same = torch.equal(stock_presence(labels, num_classes).float(), expected)
        assert same == ((num_classes, ignore_index) not in WRONG_IN_STOCK)


def test_presence_takes_all_integer_types_and_skips_labels_outside_the_classes():
    labels = torch.tensor([[[-7, 4, 5, 100]]])
    for dtype in (torch.int8, torch.int32, torch.int64):
        presence = class_presence(labels.to(dtype), 5, None)
        assert presence.tolist() == [[0, 0, 0, 0, 1]]
        assert torch.equal(class_presence(labels.to(dtype)[:, None], 5, None), presence)


def test_the_class_of_one_logit_is_label_1():
    assert class_presence(ONE_LOGIT_LABELS, 1).tolist() == ONE_LOGIT_PRESENCE
    without_1 = class_presence(ONE_LOGIT_LABELS, 1, ignore_index=1)
    assert not without_1.any()


@pytest.mark.parametrize(('avg_non_ignore', 'counted'), [(True, 3), (False, 4)])
def test_background_alone_teaches_one_logit_that_the_class_is_absent(
    avg_non_ignore, counted
):
    logits = torch.tensor([[0.3], [-0.7], [1.1], [0.9]], requires_grad=True)
    loss = SELoss(avg_non_ignore=avg_non_ignore)(logits, ONE_LOGIT_LABELS)
    expected = se_loss(logits[:counted].detach(), ONE_LOGIT_PRESENCE[:counted])
    assert loss.item() == pytest.approx(0.2 * expected)
    loss.backward()
    assert logits.grad[0] > 0 > logits.grad[1]


def test_nothing_waits_for_the_device_and_all_compiles():
    labels = torch.empty(2, 8, 8, dtype=torch.long, device='meta')
    logits = torch.empty(2, 5, device='meta')
    assert SELoss()(logits, labels).device.type == 'meta'
    with pytest.raises((RuntimeError, NotImplementedError)):
        labels.unique()  # control: needs the values
    labels, logits = make_labels(5), torch.randn(4, 5)
    compiled = torch.compile(SELoss(), fullgraph=True, backend='eager')
    assert torch.equal(compiled(logits, labels), SELoss()(logits, labels))


@pytest.mark.parametrize('shape', [(8, 8), (2, 3, 8, 8)])
def test_labels_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r'labels of shape .*: must be \(N, H, W\)'):
        class_presence(torch.zeros(shape).long(), 5)


@pytest.mark.parametrize('avg_non_ignore', [True, False])
def test_loss_equals_the_plain_restatement(avg_non_ignore):
    labels = make_labels(19)
    logits = torch.randn(4, 19, requires_grad=True)
    presence = classes_in(labels, 19, 255)
    counted = 3 if avg_non_ignore else 4  # the last image has no labels
    expected = se_loss(logits[:counted].detach(), presence[:counted])
    loss = SELoss(avg_non_ignore=avg_non_ignore)(logits, labels)
    assert loss.item() == pytest.approx(0.2 * expected)
    loss.backward()
    assert logits.grad[:counted].all()
    assert not logits.grad[counted:].any()
    other = labels.roll(1, dims=0)  # control
    changed = SELoss(avg_non_ignore=avg_non_ignore)(logits, other)
    assert changed.item() != pytest.approx(0.2 * expected)


@pytest.mark.parametrize(
    ('labels', 'num_classes'), [(make_labels(19)[:3], 19), (ONE_LOGIT_LABELS[:3], 1)]
)
def test_another_criterion_gets_logits_and_presence(labels, num_classes):
    logits = torch.randn(3, num_classes)
    criterion = dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True, loss_weight=0.5)
    loss = SELoss(criterion=criterion, loss_weight=0.4)(logits, labels)
    torch.testing.assert_close(loss, SELoss()(logits, labels))


def test_a_softmax_of_one_logit_is_refused():
    loss = SELoss(criterion=dict(type='mmseg.CrossEntropyLoss'))
    with pytest.raises(ValueError, match='use_sigmoid=False: must be True'):
        loss(torch.zeros(4, 1), ONE_LOGIT_LABELS)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_a_gpu_is_not_synchronized_and_is_deterministic():
    labels, logits = make_labels(19).cuda(), torch.zeros(4, 19).cuda()
    torch.use_deterministic_algorithms(True)
    torch.cuda.set_sync_debug_mode('error')
    try:
        presence = class_presence(labels, 19)
        SELoss()(logits, labels)
        with pytest.raises(RuntimeError):
            stock_presence(labels, 19)  # control
    finally:
        torch.cuda.set_sync_debug_mode('default')
        torch.use_deterministic_algorithms(False)
    assert torch.equal(presence.cpu(), class_presence(labels.cpu(), 19))


@pytest.mark.parametrize('shape', [(3, 5), (1, 5), (5,)])
def test_there_must_be_one_row_of_logits_per_image(shape):
    with pytest.raises(ValueError, match=r'must be \(2, num_classes\)'):
        SELoss()(torch.zeros(shape), torch.zeros(2, 4, 4, dtype=torch.long))
