"""The clock and the memory meter of all benchmarks, and turns in fresh processes."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import torch
from torch.profiler import profile

Step = Callable[[object], object]
Result = TypeVar('Result')


def clock_of(device: str, threads: int) -> str:
    """Choose a clock: one thread's own time, since others may share the machine."""
    return 'process' if device == 'cpu' and threads == 1 else 'wall'


def milliseconds(call: Callable[[], object], device: str, clock: str) -> float:
    """Time one call: on a GPU by its own events, else by a clock of Python's."""
    if device == 'cuda':
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)
    now = time.process_time if clock == 'process' else time.perf_counter
    begin = now()
    call()
    return 1000 * (now() - begin)


def peak_mib(step: Step, make_input: Callable[[], object], device: str) -> float:
    """Measure the most memory that the input and one step hold at a time."""
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(make_input())
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with profile(profile_memory=True) as record:
        step(make_input())
    events = record.profiler.kineto_results.events()
    held = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes() if event.name() == '[memory]' else 0
        peak = max(peak, held)
    return peak / 2**20


def in_fresh_processes(
    function: Callable[..., Result], jobs: list[tuple]
) -> Iterator[Result]:
    """Call a function of a module for each job, in a process of its own, in turn.

    What a process has allocated before decides how fast it allocates: only several
    processes show how much a time depends on that.
    """
    for job in jobs:
        context = multiprocessing.get_context('spawn')
        with ProcessPoolExecutor(1, mp_context=context) as process:
            yield process.submit(function, *job).result()
