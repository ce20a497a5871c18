"""Lets ``torch.load(weights_only=True)`` read the checkpoints of mmengine.

From torch 2.6 on, ``torch.load`` refuses the message hub in these checkpoints: mmengine
0.10.7 cannot resume, and the maintained mmengine warns and loads without protection.
Here the names that the message hub needs are allowed, and no others. ``getattr``,
``numpy.dtype`` and ``numpy.ndarray`` would give a hostile file too much power, so
restricted functions and classes replace them.
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
    if torch.__version__ < '2.6':  # older versions accept no pairs of class and name
        return
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
    allowed += [(number_type, number_type.__name__) for number_type in types]
    torch.serialization.add_safe_globals(allowed)


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
