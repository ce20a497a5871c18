"""Checkpoint files: written whole, deleted late, checked for finite weights."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.fileio.backends import prefix_to_backends
from torch import Tensor
from torch.nn import Parameter

UNFINISHED = '.unfinished'  # ends the name of a file while it is written


class WholeFileBackend(LocalBackend):
    """Local files that get their name when they are whole."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file under a temporary name, flush it to the disk, and rename it.

        Raises:
            OSError: If it cannot be written, for example because the disk is full.
        """
        path, unfinished = Path(filepath), Path(f'{filepath}{UNFINISHED}')
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(unfinished, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            free = shutil.disk_usage(path.parent).free / 2**20
            names = ', '.join(sorted(file.name for file in path.parent.glob('*.pth')))
            raise OSError(
                error.errno,
                f'{path} could not be written: {error.strerror}, {free:.1f} MiB are '
                f'free. Still there: {names or "no checkpoint"}. Make room, then '
                'continue with --resume',
            ) from error


@contextmanager
def write_whole_files() -> Iterator[None]:
    """Let mmengine write local files by ``WholeFileBackend``."""
    backend = prefix_to_backends['']
    register_backend('local', WholeFileBackend, force=True, prefixes='')
    try:
        yield
    finally:
        register_backend('local', backend, force=True, prefixes='')


class DelayedRemovalBackend(LocalBackend):
    """Collects what mmengine removes before it writes the file that replaces it."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def remove(self, filepath: str) -> None:
        """Collect the path of a file or folder; nothing is removed."""
        self.paths.append(filepath)

    rmtree = remove


def first_non_finite(state_dict: Mapping[str, Any]) -> str | None:
    """Return the name of the first tensor with NaN or infinite values, or None.

    Sharded, sparse and 8-bit tensors are not looked at.
    """
    for name, tensor in state_dict.items():
        is_plain = (
            type(tensor) in (Tensor, Parameter) and tensor.layout == torch.strided
        )
        is_float = is_plain and tensor.is_floating_point() and tensor.itemsize > 1
        if is_float and not tensor.isfinite().all():
            return name
    return None
