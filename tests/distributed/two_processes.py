"""Run a function in two processes that talk over gloo, on the CPU."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing

RESULTS = 'rank{}.pt'


def run_in_two(work: Callable, folder: Path, *args: Any) -> list[Any]:
    """Return what ``work(rank, *args)`` returns in each process.

    Args:
        work: A function of a module, since the processes import it by name.
        folder: An empty one, for the meeting point and the results.
        args: Of ``work``.
    """
    multiprocessing.spawn(_run, (work, folder, args), nprocs=2)
    return [
        torch.load(folder / RESULTS.format(rank), weights_only=False)
        for rank in range(2)
    ]


def _run(rank: int, work: Callable, folder: Path, args: tuple) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=(folder / 'meeting').as_uri(),
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=120),
    )
    torch.save(work(rank, *args), folder / RESULTS.format(rank))
    distributed.destroy_process_group()
