"""Settings of all tests."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from yapf.yapflib import yapf_api

TESTS = Path(__file__).parent
collect_ignore = ['stubs', 'broken_environments']  # for cells of their own


def pytest_collection_finish() -> None:
    """Keep the garbage collector, which each dataset of the host calls, fast.

    All modules and tests are loaded now, and stay until the end.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session')
def repository() -> Path:
    return TESTS.parent


@pytest.fixture(autouse=True, scope='session')
def _one_thread_per_process() -> None:
    """The suite runs on several processes, which would fight over the cores."""
    torch.set_num_threads(1)
    os.environ['OMP_NUM_THREADS'] = '1'  # for the subprocesses that tests start


@pytest.fixture(autouse=True, scope='session')
def _cache_of_the_tests(tmp_path_factory) -> None:
    """No test reads or writes the user's cache."""
    os.environ['XDG_CACHE_HOME'] = str(tmp_path_factory.mktemp('cache'))


@pytest.fixture(autouse=True, scope='session')
def _configs_as_they_are() -> Iterator[None]:
    """Each Runner formats its config several times, longer than a small training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yapf_api, 'FormatCode', lambda text, **_: (text, False))
        yield


@pytest.fixture(autouse=True)
def _scope_of_the_host() -> None:
    """What the host's Runner sets, so that no test depends on the one before it."""
    init_default_scope('mmseg')
