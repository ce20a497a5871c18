"""CheckpointCheckHook: what is loaded in silence by the host, and must not be."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import BaseLoop
from torch import nn

from mmseg_plugins.hooks import CheckpointCheckHook


def make_model(width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, width, 1), nn.BatchNorm2d(width))


class Training(BaseLoop):
    def __init__(self) -> None:
        """Nothing is looped over."""

    def run(self) -> None:
        """Do nothing."""


def check(weights: dict, training: bool, model: nn.Module | None = None) -> None:
    runner = SimpleNamespace(
        model=model or make_model(),
        _load_from='file.pth',
        _train_loop=Training() if training else dict(max_iters=1),
    )
    CheckpointCheckHook().after_load_checkpoint(runner, dict(state_dict=weights))


@pytest.mark.parametrize('training', [True, False])
def test_a_checkpoint_of_the_model_passes(training):
    check(make_model().state_dict(), training)


def test_the_prefix_of_a_wrapper_passes():
    check({f'module.{k}': v for k, v in make_model().state_dict().items()}, False)


def test_a_file_without_batch_counts_passes():
    weights = make_model().state_dict()
    del weights['1.num_batches_tracked']
    check(weights, False)


@pytest.mark.parametrize('training', [True, False])
def test_a_foreign_checkpoint_is_refused(training):
    foreign = {'stem.weight': torch.zeros(1)}
    with pytest.raises(
        ValueError, match=r'file\.pth has no weight .* 0\.weight; .*stem'
    ):
        check(foreign, training)


def test_a_checkpoint_of_another_width_is_refused_for_a_test():
    weights = make_model().state_dict() | {'0.weight': torch.zeros(5, 3, 1, 1)}
    with pytest.raises(ValueError, match=r'1 of 6 weights .* first is 0\.weight'):
        check(weights, training=False)


def test_a_part_of_the_model_may_start_a_training():
    weights = make_model().state_dict()
    del weights['0.bias']
    check(weights, training=True)
    with pytest.raises(ValueError, match=r'0\.bias'):
        check(weights, training=False)
