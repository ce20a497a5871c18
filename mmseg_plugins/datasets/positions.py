"""Random augmentation that depends on the position in the run, not on the worker.

The host seeds each worker once, so its augmentations depend on all samples that the
worker loaded before, and a resumed run repeats those of the first iterations. Here the
sampler gives each index its position in the run, and ``SeedByPosition`` seeds the
generators from it: the same run with 0, 1 or 4 workers, undisturbed or resumed, has the
same augmentations.
"""

import random
from collections.abc import Iterable, Iterator

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import DefaultSampler, InfiniteSampler

from mmseg_plugins.registry import REGISTRIES, TRANSFORMS

DATA_SAMPLERS = REGISTRIES['DATA_SAMPLERS']


class SampleIndex(int):
    """The index of a sample in a dataset, with the key of its random numbers.

    ``key`` is (seed of the sampler, rank of the process, position in the run). The
    index has to carry it: workers load ahead, so none of them could count. The
    arithmetic of mmengine's ``ConcatDataset`` and ``RepeatDataset`` keeps the key.
    """

    key: tuple[int, int, int]

    def __sub__(self, offset: int) -> 'SampleIndex':
        return _with_key(int(self) - offset, self.key)

    def __mod__(self, length: int) -> 'SampleIndex':
        return _with_key(int(self) % length, self.key)


def _with_key(value: int, key: tuple[int, int, int]) -> SampleIndex:
    index = SampleIndex(value)
    index.key = key
    return index


@DATA_SAMPLERS.register_module()
class InfinitePositionSampler(InfiniteSampler):
    """mmengine's ``InfiniteSampler``, whose indices are of type ``SampleIndex``."""

    def _indices_of_rank(self) -> Iterator[int]:
        # The host starts this stream once, also to skip what a resumed run has seen.
        for position, index in enumerate(super()._indices_of_rank()):
            yield _with_key(index, (self.seed, self.rank, position))


@DATA_SAMPLERS.register_module()
class DefaultPositionSampler(DefaultSampler):
    """mmengine's ``DefaultSampler``, whose indices are of type ``SampleIndex``."""

    def __iter__(self) -> Iterator[int]:
        """Iterate over the indices of an epoch."""
        start = self.epoch * self.num_samples
        indices: Iterable[int] = super().__iter__()
        for position, index in enumerate(indices, start):
            yield _with_key(index, (self.seed, self.rank, position))


@TRANSFORMS.register_module()
class SeedByPosition(BaseTransform):
    """Seed python's ``random`` and ``numpy.random`` from the position in the run.

    Put it first in a training pipeline, and use ``InfinitePositionSampler`` or
    ``DefaultPositionSampler``. An index without a position seeds nothing: that of
    another sampler, of ``dataset[5]``, of ``ClassBalancedDataset``, and the random
    index of a second try when a pipeline returned None, which continues the numbers
    of the first try. torch's generator is not seeded, because without workers the
    dropout layers use it; so augmentations that draw from it still depend on the
    worker. To turn it off, leave it out of the pipeline.
    """

    def transform(self, results: dict) -> dict:
        """Read ``sample_idx``; return ``results`` unchanged."""
        key = getattr(results.get('sample_idx'), 'key', None)
        if key is not None:
            random.seed(repr(key))
            np.random.seed(key)
        return results
