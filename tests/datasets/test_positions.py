"""Augmentations depend on the seed, the process and the position, nothing else."""

import pickle
import random
from itertools import islice

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import (
    BaseDataset,
    ConcatDataset,
    DefaultSampler,
    InfiniteSampler,
    RepeatDataset,
)
from mmengine.runner import Runner

from mmseg_plugins.datasets import (
    DefaultPositionSampler,
    InfinitePositionSampler,
    SeedByPosition,
)
from mmseg_plugins.datasets.positions import SampleIndex

SAMPLERS = [
    (InfinitePositionSampler, InfiniteSampler),
    (DefaultPositionSampler, DefaultSampler),
]


class DrawNumber(BaseTransform):
    """Return a random number; now and then None, and the host takes another sample."""

    def transform(self, results):
        number = np.random.rand()
        return None if number < 0.3 else (int(results['sample_idx']), number)


class NumberDataset(BaseDataset):
    """Seven samples without data."""

    def load_data_list(self):
        return [dict(value=value) for value in range(7)]


def make_dataset(wrapper: str):
    steps = [SeedByPosition(), DrawNumber()]
    dataset = NumberDataset(pipeline=steps, lazy_init=wrapper == 'lazy_init')
    if wrapper == 'ConcatDataset':
        unserialized = NumberDataset(pipeline=steps, serialize_data=False)
        return ConcatDataset([dataset, unserialized])
    return RepeatDataset(dataset, times=2) if wrapper == 'RepeatDataset' else dataset


def draw(sampler: type, workers: int, wrapper: str = 'none') -> list[tuple]:
    """Return indices and numbers of nine batches, loaded as a training loads them."""
    np.random.seed(0)  # a new process
    loader = dict(
        dataset=make_dataset(wrapper),
        sampler=dict(type=sampler),
        batch_size=3,
        num_workers=workers,
    )
    loader = Runner.build_dataloader(loader, seed=7)
    pairs: list = []
    epoch = 0
    while len(pairs) < 27:
        loader.sampler.set_epoch(epoch)
        for batch in islice(loader, 9):
            pairs += zip(*batch, strict=True)
        epoch += 1
    return pairs[:27]


@pytest.mark.parametrize('sampler', [ours for ours, _ in SAMPLERS])
@pytest.mark.parametrize(
    'wrapper', ['none', 'lazy_init', 'ConcatDataset', 'RepeatDataset']
)
def test_workers_change_no_number_and_none_is_repeated(sampler, wrapper):
    pairs = draw(sampler, 0, wrapper)
    assert len({number for _, number in pairs}) == 27
    assert draw(sampler, 2, wrapper) == pairs


@pytest.mark.parametrize(('sampler', 'host_sampler'), SAMPLERS)
def test_control_without_positions_workers_change_the_numbers(sampler, host_sampler):
    assert draw(host_sampler, 2) != draw(host_sampler, 0)


def first_21(sampler) -> list[int]:
    if isinstance(sampler, InfiniteSampler):
        return list(islice(sampler, 21))
    indices = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        indices += sampler
    return indices


@pytest.mark.parametrize(('sampler', 'host_sampler'), SAMPLERS)
def test_order_is_that_of_the_host_and_positions_count_on(sampler, host_sampler):
    indices = first_21(sampler(range(7), seed=3))
    assert indices == first_21(host_sampler(range(7), seed=3))
    keys = [pickle.loads(pickle.dumps(index)).key for index in indices]
    assert keys == [(3, 0, position) for position in range(21)]


def test_numbers_depend_on_seed_rank_and_position_and_leave_torch_alone():
    torch_state, drawn = torch.get_rng_state(), []
    for key in [(7, 0, 0), (8, 0, 0), (7, 1, 0), (7, 0, 1)]:
        index = SampleIndex(5)
        index.key = key
        for _ in range(2):
            results = SeedByPosition()(dict(sample_idx=index))
            assert results == dict(sample_idx=5)
            drawn.append((random.random(), np.random.rand()))
    assert drawn[::2] == drawn[1::2]
    assert len({number for pair in drawn for number in pair}) == 8
    assert torch_state.equal(torch.get_rng_state())


def test_an_index_without_position_seeds_nothing():
    state = random.getstate()
    for results in (dict(sample_idx=5), dict()):
        assert SeedByPosition()(results) is results
    assert random.getstate() == state
