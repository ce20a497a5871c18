"""Settings of all tests."""

import os
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

TESTS = Path(__file__).parent
collect_ignore = ['stubs', 'broken_environments']  # for cells of their own


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


@pytest.fixture(autouse=True)
def _scope_of_the_host() -> None:
    """What the host's Runner sets, so that no test depends on the one before it."""
    init_default_scope('mmseg')
