"""Configs of segmentors with backbones of mmpretrain."""

import pytest

from tests.contracts.test_every_config import (
    SEGMENTORS,
    load,
    needs_mmpretrain,
    train_one_step,
)

pytest.importorskip('mmpretrain', reason='needs mmpretrain: make test-mmpretrain')
PATHS = [path for path in SEGMENTORS if needs_mmpretrain(path)]


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_one_training_step(path):
    train_one_step(load(path))


def test_there_is_one():
    assert PATHS
