"""Checkpoints of half the size and less, for sharing: float16 weights alone."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

#: What the meta of a shared checkpoint keeps.
KEPT_META = ('dataset_meta', 'seed')


def convert_half(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Round the weights of a checkpoint of mmengine to float16.

    A weight whose values exceed the range of float16, such as a variance, stays in
    float32. Models load both types into their own.

    Args:
        checkpoint: A checkpoint with a ``state_dict``, as a training saves it.

    Returns:
        The weights by name, contiguous.

    Raises:
        ValueError: If there is no ``state_dict``, or a value is NaN or infinite.
    """
    weights = checkpoint.get('state_dict')
    if not isinstance(weights, Mapping):
        raise ValueError('the file has no state_dict: give a checkpoint of a training')
    return {name: _round(name, weight) for name, weight in weights.items()}


def shared_meta(checkpoint: Mapping[str, Any]) -> dict:
    """Return what a shared checkpoint keeps of the meta: classes, palette and seed."""
    meta = checkpoint.get('meta', {})
    return {key: meta[key] for key in KEPT_META if key in meta}


def _round(name: str, weight: Tensor) -> Tensor:
    if not weight.isfinite().all():
        raise ValueError(f'{name} has values that are NaN or infinite: train it again')
    if not weight.is_floating_point():
        return weight
    half = weight.to(torch.float16).contiguous()
    return half if half.isfinite().all() else weight.float().contiguous()
