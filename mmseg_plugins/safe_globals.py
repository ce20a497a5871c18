"""Resume with ``torch.load(weights_only=True)``, for hosts that cannot do it alone.

From torch 2.6 on, ``torch.load`` refuses the message hub in mmengine's checkpoints:
mmengine 0.10.7 cannot resume at all, and the maintained mmengine warns and loads with
the protection off. The names the message hub asks for are allowed here, and no more.
``getattr``, ``numpy.dtype`` and ``numpy.ndarray`` would give a hostile file the whole
interpreter or its memory, so stand-ins answer to these names.
"""

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

_STATISTICS = ('min', 'max', 'current', 'mean')
_NUMBER_CODES = '?' + np.typecodes['AllInteger'] + np.typecodes['Float']


def allow_message_hub() -> None:
    """Let ``torch.load(weights_only=True)`` read mmengine's message hub."""
    if torch.__version__ >= '2.6':  # the first to refuse it, and to take named pairs
        torch.serialization.add_safe_globals(_safe_globals())


def _safe_globals() -> list[Callable | tuple[Callable, str]]:
    pairs: list[Callable | tuple[Callable, str]] = [
        (HistoryBuffer, f'{HistoryBuffer.__module__}.HistoryBuffer'),
        (_statistic, 'builtins.getattr'),
        (_number_type, 'numpy.dtype'),
        (_Numbers, 'numpy.ndarray'),
    ]
    for core in ('numpy.core', 'numpy._core'):  # numpy 1 and numpy 2
        pairs += [
            (_Numbers, f'{core}.multiarray._reconstruct'),
            (_number, f'{core}.multiarray.scalar'),
        ]
    # These may get their state from the file, but a name without a dot is one that no
    # file can ask for.
    types = {type(np.dtype(code)) for code in _NUMBER_CODES}
    return pairs + [(number_type, number_type.__name__) for number_type in types]


def _statistic(owner: object, name: str) -> Callable:
    """Stand in for ``getattr``, by which HistoryBuffer pickles its methods."""
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise UnpicklingError(f'{name!r} of {owner!r} is not for a checkpoint to ask')
    return getattr(HistoryBuffer, name)


def _number_type(code: str, *_: bool) -> np.dtype:
    """Stand in for ``numpy.dtype``: numbers, but no objects and no structures."""
    dtype = np.dtype(code, False, True)  # a copy: its state follows in the file
    if dtype.char not in _NUMBER_CODES:
        raise UnpicklingError(f'numpy type {code!r} is not a number')
    return dtype


def _number(dtype: np.dtype, data: bytes) -> np.generic:
    """Stand in for ``numpy``'s reconstruction of a scalar."""
    return np.frombuffer(data, _number_type(dtype.str))[0]


class _Numbers(np.ndarray):
    """Stands in for ``numpy.ndarray``: numbers only, pickled like the original."""

    def __new__(cls, *_: object) -> '_Numbers':
        return super().__new__(cls, (0,))

    def __setstate__(self, state: tuple) -> None:
        # The type is made afresh, since the file wrote into the one it brings.
        version, shape, dtype, *data = state
        super().__setstate__((version, shape, _number_type(dtype.str), *data))

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self.view(np.ndarray).__reduce__()
