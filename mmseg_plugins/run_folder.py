"""Run folders: the work_dir that tools/train.py leaves, in place of its files."""

import re
from collections.abc import Sequence
from pathlib import Path

#: Models that come with the package: name and run folder.
TRAINED = {'scenes': Path(__file__).parent / 'trained' / 'fcn-2s_scenes'}
#: ``test RUN`` writes its config under this name, beside the one of the training.
TEST_CONFIG = 'last_test.py'
USAGE = 'give a run folder, or a config and a checkpoint'


def is_run(path: str | Path) -> bool:
    """Return whether a training left its config in this folder."""
    return bool(_configs(path))


def resolve_run(word: str) -> Path | None:
    """Return the folder that a command line names, or None if it names no folder.

    A name in ``TRAINED`` comes first; ``./scenes`` is a folder of that name.
    """
    if word in TRAINED:
        return TRAINED[word]
    return Path(word) if Path(word).is_dir() else None


def find_config(run: str | Path) -> Path:
    """Return the config that mmengine wrote into a run folder at its training.

    Raises:
        ValueError: If the folder has no config, or several.
    """
    configs = _configs(run)
    if not configs:
        raise ValueError(
            f'{run} has no config (*.py), so no training wrote it: {USAGE}'
        )
    if len(configs) > 1:
        names = ', '.join(path.name for path in configs)
        raise ValueError(
            f'{run} has several configs ({names}): move all but one to another folder'
        )
    return configs[0]


def find_checkpoint(run: str | Path) -> Path:
    """Return the best checkpoint of a run folder, else the newest.

    The best one is ``best_*.pth``, by mIoU if there are several metrics. The newest one
    is the ``iter_*.pth`` or ``epoch_*.pth`` with the largest number.

    Raises:
        ValueError: If the folder has neither.
    """
    for patterns in (['best_mIoU_*'], ['best_*'], ['iter_*', 'epoch_*']):
        paths = [path for name in patterns for path in Path(run).glob(f'{name}.pth')]
        if paths:
            return max(paths, key=_step)
    raise ValueError(
        f'{run} has no checkpoint (best_*.pth, iter_*.pth or epoch_*.pth): train until '
        'one is saved, or give a config and a checkpoint'
    )


def split_model_arguments(words: Sequence[str]) -> tuple[str, str, list[str]]:
    """Split ``RUN ...`` or ``CONFIG CHECKPOINT ...`` of a command line.

    Returns:
        The config, the checkpoint, and the remaining words.

    Raises:
        ValueError: If a word is missing, or the run folder has no config or checkpoint.
    """
    run = resolve_run(words[0]) if words else None
    if run:
        return str(find_config(run)), str(find_checkpoint(run)), [*words[1:]]
    if len(words) < 2:
        raise ValueError(f'{" ".join(words) or "no model"}: {USAGE}')
    return words[0], words[1], [*words[2:]]


def _configs(run: str | Path) -> list[Path]:
    return sorted(path for path in Path(run).glob('*.py') if path.name != TEST_CONFIG)


def _step(path: Path) -> int:
    numbers = re.findall(r'_(\d+)', path.stem)
    return int(numbers[-1]) if numbers else 0
