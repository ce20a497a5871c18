"""Run a function in two processes that communicate over gloo, on the CPU."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed
from torch.multiprocessing import start_processes

from tests import python_process  # noqa: F401  the first process imports the host


def run_in_two(function: Callable, folder: Path, *args: Any) -> list[Any]:
    """Return what the module-level ``function(rank, *args)`` returns in each process.

    The empty ``folder`` is for the meeting point and the results.
    """
    start_processes(_run, (function, folder, args), 2, start_method='forkserver')
    files = [folder / f'rank{rank}.pt' for rank in range(2)]
    return [torch.load(file, weights_only=False) for file in files]


def _run(rank: int, function: Callable, folder: Path, args: tuple) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=(folder / 'meeting').as_uri(),
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=120),
    )
    torch.save(function(rank, *args), folder / f'rank{rank}.pt')
    distributed.destroy_process_group()


def difference(values: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Return the largest difference, relative to the largest value of its tensor.

    A tensor that is zero but for rounding, such as the gradient of a bias before a
    batch norm, is compared with the largest value of all tensors.
    """
    assert values.keys() == expected.keys()
    floor = 1e-6 * max(float(value.abs().max()) for value in expected.values())
    return max(
        float((values[key] - value).abs().max()) / max(float(value.abs().max()), floor)
        for key, value in expected.items()
    )
