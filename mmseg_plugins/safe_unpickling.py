"""Loads a checkpoint without running code from it.

``torch.load(weights_only=True)`` builds tensors and plain containers only. It refuses
the message hub in the checkpoints of mmengine, so the names that the message hub needs
are allowed while ``load`` runs, and no others. ``getattr``, ``numpy.dtype`` and
``numpy.ndarray`` would give a hostile file too much power: restricted functions and
classes replace them. torch's own allow-list does not count meanwhile, because other
packages add to it what they like.
"""

import logging
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log

_STATISTICS = ('min', 'max', 'current', 'mean')
_NUMBER_CODES = '?' + np.typecodes['AllInteger'] + np.typecodes['Float']
_trusted: set[str] = set()
_lock = threading.RLock()  # torch's allow-list belongs to the whole process


def trust(name: str | Path) -> str | Path:
    """Let ``load`` run the code in a checkpoint, and keep the texts in it.

    Args:
        name: File, or an address such as ``https://host/file.pth``.

    Returns:
        ``name``.
    """
    _trusted.add(_key(name))
    return name


def is_trusted(name: str | Path) -> bool:
    """Return whether ``trust`` was called for this file or address."""
    return _key(name) in _trusted


def load(
    name: str | Path,
    map_location: Any = None,
    path: Path | None = None,
    keep_texts: bool = False,
) -> Any:
    """Load a checkpoint, and leave out the texts that mmengine would run as code.

    Args:
        name: File, or the address from which the file at ``path`` comes.
        map_location: As for ``torch.load``.
        path: Local file; by default that of ``name``.
        keep_texts: Keep these texts too, for a copy of the file. Nothing here runs
            them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged; or if it holds more than tensors, numbers, texts
            and containers, and is not trusted.
    """
    path = path or Path(name).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'{path} can not be found.')
    trusted = is_trusted(name) or is_trusted(str(path))
    try:
        check_records(path)
        with _allow_message_hub():
            checkpoint = torch.load(path, map_location, weights_only=not trusted)
    except Exception as error:  # a damaged file can end in any error of the unpickler
        raise ValueError(_explain(name, path, error)) from error
    if trusted or keep_texts or not isinstance(checkpoint, dict):
        return checkpoint
    return _drop_texts(name, checkpoint)


def check_records(path: Path) -> None:
    """Compare each record of a file of ``torch.save`` with its checksum.

    ``torch.load`` does not, and would return damaged weights. Files without a whole zip
    archive pass: the format before torch 1.6 has no checksums, and torch itself refuses
    a cut archive.

    Raises:
        zipfile.BadZipFile: If a record differs from its checksum, or is compressed: it
            could be of any size.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if any(record.compress_type for record in archive.infolist()):
            raise zipfile.BadZipFile('it is compressed, which torch.save does not do')
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f'{damaged} differs from its checksum')


def _key(name: str | Path) -> str:
    if '://' in str(name):
        return str(name)
    return str(Path(name).expanduser().resolve())


def _explain(name: str | Path, path: Path, error: Exception) -> str:
    # torch wraps what the unpickler says into advice to load the file unsafely.
    inner = error.__context__ if isinstance(error, UnpicklingError) else None
    reason = str(inner or error).partition('\n')[0].partition('. ')[0]
    if not _may_hold_code(path, error):
        return (
            f'{name} cannot be read as weights ({type(error).__name__}: {reason}). If '
            'it is cut or damaged, copy or download it again, or take another file'
        )
    update = ''
    if torch.__version__ < '2.6':
        update = 'torch 2.6 reads the message hub of mmengine, older ones do not. '
    return (
        f'{name} cannot be read as weights and numbers alone, and could run any code '
        f'({reason}). {update}If you trust who made it: tools take --trust {name}, '
        f'configs trusted_checkpoints = [{name!r}], Python '
        f'mmseg_plugins.safe_loading.trust({name!r})'
    )


def _may_hold_code(path: Path, error: Exception) -> bool:
    with path.open('rb') as file:
        is_pickle = file.read(1) == b'\x80' or zipfile.is_zipfile(path)
    refused = isinstance(error, UnpicklingError) or 'weights_only' in str(error)
    return is_pickle and refused


def _drop_texts(name: str | Path, checkpoint: dict) -> dict:
    """Leave out the texts that mmengine runs, on resume or for want of a config."""
    if 'meta' not in checkpoint and 'message_hub' not in checkpoint:
        return checkpoint  # a state dict
    checkpoint = _plain(checkpoint)
    for key in ('meta', 'message_hub'):
        if key in checkpoint:
            checkpoint[key] = _plain(checkpoint[key])
    meta, hub = checkpoint.get('meta'), checkpoint.get('message_hub')
    if isinstance(hub, dict) and 'runtime_info' in hub:
        info = hub['runtime_info'] = _plain(hub['runtime_info'])
        if isinstance(info, dict):
            info.pop('cfg', None)
    if isinstance(meta, dict):
        meta.pop('cfg', None)
        if meta.pop('config', None) is not None:  # mmengine itself does not write it
            print_log(
                f'meta.config of {name} is left out: mmengine would run it as code',
                logger='current',
                level=logging.WARNING,
            )
    return checkpoint


def _plain(group: Any) -> Any:
    """Copy a dict, because a file can give an OrderedDict methods of its own."""
    return {key: group[key] for key in group} if isinstance(group, dict) else group


@contextmanager
def _allow_message_hub() -> Iterator[None]:
    """Replace torch's allow-list by ours, and restore it afterwards."""
    if torch.__version__ < '2.6':  # older versions accept no pairs of class and name
        yield
        return
    serialization = torch.serialization
    with _lock:
        before = serialization.get_safe_globals()
        serialization.clear_safe_globals()
        try:
            serialization.add_safe_globals(_message_hub_globals())
            yield
        finally:
            serialization.clear_safe_globals()
            serialization.add_safe_globals(before)


def _message_hub_globals() -> list[Callable | tuple[Callable, str]]:
    allowed: list[Callable | tuple[Callable, str]] = [
        (HistoryBuffer, f'{HistoryBuffer.__module__}.HistoryBuffer'),
        (_statistic, 'builtins.getattr'),
        (_number_type, 'numpy.dtype'),
        (_Numbers, 'numpy.ndarray'),
    ]
    for core in ('numpy.core', 'numpy._core'):  # numpy 1 and numpy 2
        allowed += [
            (_Numbers, f'{core}.multiarray._reconstruct'),
            (_number, f'{core}.multiarray.scalar'),
        ]
    # torch must know these types to set their state. A name without a dot is one that
    # no file can ask for.
    types = {type(np.dtype(code)) for code in _NUMBER_CODES}
    return allowed + [(number_type, number_type.__name__) for number_type in types]


def _statistic(owner: object, name: str) -> Callable:
    """Replace ``getattr``, with which HistoryBuffer pickles its methods."""
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise UnpicklingError(f'{name!r} of {owner!r} is not allowed in a checkpoint')
    return getattr(HistoryBuffer, name)


def _number_type(code: str, *_: bool) -> np.dtype:
    """Replace ``numpy.dtype``: numbers, but no objects and no structures."""
    dtype = np.dtype(code, False, True)  # a copy: the file sets its state afterwards
    if dtype.char not in _NUMBER_CODES:
        raise UnpicklingError(f'numpy type {code!r} is not a number')
    return dtype


def _number(dtype: np.dtype, data: bytes) -> np.generic:
    """Replace ``numpy``'s reconstruction of a scalar."""
    return np.frombuffer(data, _number_type(dtype.str))[0]


class _Numbers(np.ndarray):
    """Replaces ``numpy.ndarray``: holds numbers only, and is pickled like it."""

    def __new__(cls, *_: object) -> '_Numbers':
        return super().__new__(cls, (0,))

    def __setstate__(self, state: tuple) -> None:
        # Build the type again, because the file wrote into the one it brings.
        version, shape, dtype, *data = state
        super().__setstate__((version, shape, _number_type(dtype.str), *data))

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self.view(np.ndarray).__reduce__()
