"""Checks of the backbone's levels, in a head's config and in its forward pass."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor


def check_lists(order: str, **lists: Sequence) -> None:
    """Raise a ValueError unless all arguments are lists with one entry per level."""
    for name, value in lists.items():
        if not isinstance(value, (list, tuple)) or not value:
            raise ValueError(f'{name}={value!r}: must be a list, one entry per level')
    if len({len(value) for value in lists.values()}) > 1:
        arguments = ', '.join(f'{name}={value}' for name, value in lists.items())
        raise ValueError(
            f'{arguments}: must have the same length, one entry per level, {order}'
        )


def select_levels(head: BaseDecodeHead, inputs: Sequence[Tensor]) -> Any:
    """Select and transform the input levels of a head as ``BaseDecodeHead`` does.

    Raises:
        ValueError: If a level is missing or its channels differ from ``in_channels``.
    """
    if isinstance(inputs, Tensor):
        raise ValueError(
            f'the backbone returns one tensor of shape {tuple(inputs.shape)}: choose a '
            'backbone that returns a list of maps in training and in evaluation'
        )
    # Values that stand for tensors, as in a symbolic trace, have no known shape.
    comparable = isinstance(inputs, (list, tuple)) and all(
        isinstance(level, Tensor) for level in inputs
    )
    if comparable and head.input_transform != 'resize_concat':
        single = isinstance(head.in_index, int)
        indices = [head.in_index] if single else head.in_index
        widths = [head.in_channels] if single else head.in_channels
        channels = [level.shape[1] for level in inputs]
        for index, width in zip(indices, widths, strict=True):
            exists = -len(inputs) <= index < len(inputs)
            if not exists or channels[index] != width:
                raise ValueError(
                    f'in_index={head.in_index}, in_channels={head.in_channels} do not '
                    f'fit the backbone, whose outputs have {channels} channels'
                )
    return head._transform_inputs(inputs)


def image_size(batch_img_metas: list[dict]) -> Sequence[int]:
    """Return height and width of the padded images, or of the slide window."""
    meta = batch_img_metas[0]
    size = meta['img_shape']
    if not isinstance(size, torch.Size):  # mmseg's type of a slide window's size
        size = meta.get('pad_shape', size)
    return size[:2]
