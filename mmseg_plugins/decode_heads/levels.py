"""What the heads ask of the backbone's levels: in a config, and in a forward pass."""

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor


def check_lists(order: str, **lists: Sequence) -> None:
    """Refuse arguments that do not have one entry per level.

    Args:
        order: In which order levels are listed, for the message.
        **lists: The arguments by their names.

    Raises:
        ValueError: If one is no list, or empty, or not as long as the others.
    """
    for name, value in lists.items():
        if not isinstance(value, (list, tuple)) or not value:
            raise ValueError(
                f'{name}={value!r} must be a list with one entry per level'
            )
    if len({len(value) for value in lists.values()}) > 1:
        told = [f'{name}={value}' for name, value in lists.items()]
        raise ValueError(
            f'{", ".join(told[:-1])} and {told[-1]} must have the same length: one '
            f'entry per level, {order}'
        )


def select_levels(head: BaseDecodeHead, inputs: Sequence[Tensor]) -> Any:
    """Pick the levels of a head as the host does, once they are what it was told.

    Raises:
        ValueError: If the backbone gives no list, or a level is missing or has other
            channels than ``in_channels`` says.
    """
    if isinstance(inputs, Tensor):
        raise ValueError(
            f'the backbone gives one tensor, of shape {tuple(inputs.shape)}, and no '
            'list of levels: choose a backbone that gives a list in training and in '
            "evaluation (mmseg's PIDNet does not: it is for PIDHead alone)"
        )
    if head.input_transform != 'resize_concat':  # of whose levels the sum is told
        one = isinstance(head.in_index, int)
        indices = [head.in_index] if one else head.in_index
        channels = [head.in_channels] if one else head.in_channels
        for index, told in zip(indices, channels, strict=True):
            _check_channels(inputs, index, told)
    return head._transform_inputs(inputs)


def _check_channels(inputs: Sequence[Tensor], index: int, told: int) -> None:
    there = -len(inputs) <= index < len(inputs)
    found = inputs[index].shape[1] if there else 'no'
    if found != told:
        raise ValueError(
            f'output {index} of the backbone has {found} channels, in_channels of the '
            f'head says {told}: the backbone gives {[x.shape[1] for x in inputs]}'
        )
