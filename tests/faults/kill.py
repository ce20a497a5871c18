"""Kill trainings by SIGKILL, resume them, and compare their ends.

Run:  python -m tests.faults.kill --times 20
"""

import argparse
import random
import signal
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from mmseg_plugins.checkpoint_files import UNFINISHED
from mmseg_plugins.safe_unpickling import load
from tests.faults.small_run import ITERATIONS, command, make_config
from tests.python_process import start_python

KILLS_IN_A_RUN, MAX_KEEP = 3, 3
OPTIONS = {'default_hooks.checkpoint.max_keep_ckpts': MAX_KEEP}


@dataclass
class Result:
    """What happened to one run."""

    kills: int = 0
    kills_while_writing: int = 0
    resumed: int = 0
    lost: list[str] = field(default_factory=list)  # checkpoints that should be whole
    tensors: int = 0
    other_tensors: list[str] = field(default_factory=list)


def start(folder: Path, *arguments: str) -> BaseProcess:
    _, *words = command(make_config(folder, **OPTIONS), *arguments)
    log = Path(f'{folder}.log')
    log.unlink(missing_ok=True)
    return start_python(words, log, log)


def steps(folder: Path) -> list[int]:
    """Return the iterations of the checkpoints in a folder, in order."""
    return sorted(int(path.stem[5:]) for path in folder.glob('iter_*.pth'))


def kill(training: BaseProcess, folder: Path, step: int, at_random: bool) -> None:
    """Kill after checkpoint ``step``: at random, or while the next one is written."""
    deadline = time.monotonic() + 300
    while training.exitcode is None and time.monotonic() < deadline:
        time.sleep(0.0002)
        if (steps(folder) or [0])[-1] < step:
            continue
        if at_random:
            time.sleep(random.uniform(0, 0.2))
        elif not list(folder.glob(f'iter_*{UNFINISHED}')):
            continue
        break
    training.kill()
    training.join()


def kill_and_resume(folder: Path, end: Path, kills: int, first: int = 0) -> Result:
    """Train, kill and resume a few times, train to the end, and compare it.

    Every second kill is at random, the others are while a checkpoint is written.
    ``first`` is the number of kills in earlier runs.
    """
    result, newest = Result(), 0
    arguments: list[str] = []
    for number in range(kills):
        training = start(folder, *arguments)
        kill(training, folder, newest + 2, at_random=(first + number) % 2 == 0)
        if training.exitcode != -signal.SIGKILL:
            print(Path(f'{folder}.log').read_text()[-2000:])
            raise RuntimeError(f'the training ended by itself: {training.exitcode}')
        result.kills += 1
        result.kills_while_writing += bool(list(folder.glob(f'*{UNFINISHED}')))
        result.lost += lost_checkpoints(folder, newest)
        newest = (steps(folder) or [0])[-1]
        arguments = ['--resume']
        log = Path(f'{folder}.log').read_text()
        result.resumed += number > 0 and 'resumed epoch' in log
    last = start(folder, *arguments)
    last.join(300)
    if last.exitcode != 0:
        print(Path(f'{folder}.log').read_text()[-2000:])
    else:
        result.resumed += 'resumed epoch' in Path(f'{folder}.log').read_text()
    compare(load(str(folder / end.name)), load(str(end)), result)
    return result


def lost_checkpoints(folder: Path, newest: int) -> list[str]:
    """Return what should be in the folder and is not, or is not whole."""
    present = steps(folder)
    lost = [f'iter_{newest}.pth'] if newest > (present or [0])[-1] else []
    number = min(MAX_KEEP, (present or [0])[-1] // 2)
    if len(present) < number:
        lost.append(f'{number - len(present)} of the last {number}')
    for step in present:
        load(str(folder / f'iter_{step}.pth'))  # raises ValueError if it is damaged
    return lost


def compare(actual: dict, expected: dict, result: Result) -> None:
    """Count the tensors of weights and optimizer, and name those that differ."""
    for part in ('state_dict', 'optimizer'):
        pairs = zip(flatten(actual[part]), flatten(expected[part]), strict=True)
        for (name, value), (_, wanted) in pairs:
            result.tensors += 1
            if not torch.equal(value, wanted):
                result.other_tensors.append(f'{part}.{name}')


def flatten(tree: object, name: str = '') -> list[tuple[str, torch.Tensor]]:
    if isinstance(tree, torch.Tensor):
        return [(name, tree)]
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [
        pair
        for key, value in items
        if isinstance(value, dict | list | torch.Tensor)
        for pair in flatten(value, f'{name}.{key}')
    ]


def undisturbed(folder: Path) -> Path:
    """Train to the end and return the last checkpoint."""
    training = start(folder)
    training.join(300)
    if training.exitcode != 0:
        raise RuntimeError(Path(f'{folder}.log').read_text()[-2000:])
    return folder / f'iter_{ITERATIONS}.pth'


def main() -> None:
    """Print a line for each run, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--times', type=int, default=20, help='kills in all')
    parser.add_argument('--seed', type=int, default=0, help='of the random moments')
    args = parser.parse_args()
    random.seed(args.seed)
    with tempfile.TemporaryDirectory() as root:
        end = undisturbed(Path(root, 'undisturbed'))
        results: list[Result] = []
        for first in range(0, args.times, KILLS_IN_A_RUN):
            kills = min(KILLS_IN_A_RUN, args.times - first)
            result = kill_and_resume(Path(root, f'run_{first}'), end, kills, first)
            print(result, flush=True)
            results.append(result)
    print(
        f'{sum(result.kills for result in results)} kills, '
        f'{sum(result.kills_while_writing for result in results)} of them while a '
        f'checkpoint was written; {sum(result.resumed for result in results)} resumed; '
        f'{sum(len(result.lost) for result in results)} checkpoints lost; '
        f'{sum(not result.other_tensors for result in results)} of {len(results)} runs '
        f'end bit-equal to the undisturbed one'
    )


if __name__ == '__main__':
    main()
