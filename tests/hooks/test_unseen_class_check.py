"""UnseenClassCheckHook in trainings with a real Runner, and on its own."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.structures import SegDataSample
from torch import nn
from torch.nn.parallel import DataParallel

from mmseg_plugins.hooks import UnseenClassCheckHook
from tests.hooks.binary_training import HEADS, log_of, make_runner, write_data


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize(
    ('square', 'dataset', 'share', 'fix'),
    [
        (255, {}, '20.3%', 'save it as 1'),
        (1, dict(reduce_zero_label=True), '79.7%', 'set reduce_zero_label=False'),
    ],
)
def test_training_stops_if_a_class_never_occurs_until_the_fix(
    tmp_path, head, square, dataset, share, fix
):
    write_data(tmp_path, square=square)
    runner = make_runner(tmp_path, head, **dataset)
    message = rf"'crack' \(label 1\); {share} .* \(label 255\)\. .*{fix}"
    with pytest.raises(ValueError, match=message):
        runner.train()
    assert runner.iter < 15  # before the first validation
    write_data(tmp_path)
    runner = make_runner(tmp_path, head)
    runner.train()
    assert 'have no pixel of' not in log_of(runner)


class Segmentor(nn.Module):
    def __init__(self, ignore_index: int = 255) -> None:
        super().__init__()
        self.decode_head = FCNHead(
            in_channels=4,
            channels=4,
            num_convs=0,
            num_classes=3,
            ignore_index=ignore_index,
        )


def make_batch(labels: list[int] | None) -> dict:
    sample = SegDataSample()
    if labels is not None:
        sample.gt_sem_seg = PixelData(data=torch.tensor([[labels]]))
    return dict(inputs=[], data_samples=[sample])


def count(batches, num_images=None, classes='abc', model=None) -> list[str]:
    """Run the hook before some batches and a validation; return its warnings."""
    texts: list[str] = []
    dataset = SimpleNamespace(metainfo=dict(classes=classes))
    runner = SimpleNamespace(
        train_loop=SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset)),
        model=model or DataParallel(Segmentor()),
        logger=SimpleNamespace(warning=texts.append),
    )
    hook = UnseenClassCheckHook(num_images)
    hook.before_val(runner)  # a validation without training
    hook.before_train(runner)
    for index, batch in enumerate(batches):
        hook.before_train_iter(runner, index, batch)
    hook.before_val(runner)
    return texts


def test_missing_classes_are_warned_of_once_with_the_share_of_ignored_labels():
    batches = [make_batch([0, 0, 255, 1])] * 2 + [make_batch([2, 2, 2, 2])]
    (before_validation,) = count(batches[:2])
    (complete,) = count(batches, num_images=2)
    assert before_validation == complete
    assert before_validation.startswith(
        "2 training images have no pixel of 'c' (label 2); 25.0% of their pixels are "
        'ignored (label 255). If label 255 of the masks is a class, save it as 2.'
    )
    assert count(batches) == []


def test_one_class_stops_the_training_only_when_the_count_is_complete():
    batches = [make_batch([1, 1])] * 3
    (warning,) = count(batches, num_images=4)
    assert "'a' (label 0), 'c' (label 2); 0.0%" in warning
    with pytest.raises(ValueError, match='Fewer than two classes to learn: 3 training'):
        count(batches, num_images=3)


def test_the_ignored_label_is_no_class():
    batches = [make_batch([0, 0, 1, 2])]
    assert count(batches, model=Segmentor(ignore_index=0)) == []
    with pytest.raises(ValueError, match=r"'c' \(label 2\); 50\.0% .* \(label 0\)"):
        count([make_batch([0, 1])], num_images=1, model=Segmentor(ignore_index=0))


@pytest.mark.parametrize('batch', [make_batch(None), dict(inputs=[]), [1, 2]])
def test_batches_without_labels_are_not_counted(batch):
    assert count([batch] * 2, num_images=1) == []


def test_datasets_without_class_names_are_not_checked():
    assert count([make_batch([0])], num_images=1, classes=None) == []


def test_num_images_must_be_positive():
    with pytest.raises(ValueError, match='num_images=0: must be at least 1'):
        UnseenClassCheckHook(0)
