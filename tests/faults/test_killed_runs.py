"""A training is killed three times; ``python -m tests.faults.kill`` does it more often.

The controls, in which mmengine loses such a run, are in test_damaged_files.py: a kill
at the right moment leaves the same files.
"""

import random

import pytest

from tests.faults.kill import kill_and_resume, undisturbed


@pytest.mark.one_line
@pytest.mark.slow
def test_killed_runs_end_as_an_undisturbed_one(tmp_path):
    random.seed(0)
    end = undisturbed(tmp_path / 'undisturbed')
    result = kill_and_resume(tmp_path / 'killed', end, kills=3)
    assert (result.kills, result.resumed, result.lost) == (3, 3, [])
    assert result.tensors > 100
    assert result.other_tensors == []
