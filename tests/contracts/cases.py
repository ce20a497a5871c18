"""One case for each registered module: how to build it small, and what it must refuse.

A class of the package's MODELS without a line here fails test_every_module.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

BN = dict(type='BN')


def image(batch: int, size: tuple[int, int]) -> Tensor:
    """Make a random image, (batch, 3, *size)."""
    return torch.randn(batch, 3, *size)


def levels(channels: tuple[int, ...], strides: tuple[int, ...]) -> Callable:
    """Make what a backbone with these levels would give for an image."""

    def make(batch: int, size: tuple[int, int]) -> list[Tensor]:
        return [
            torch.randn(batch, width, -(-size[0] // stride), -(-size[1] // stride))
            for width, stride in zip(channels, strides, strict=True)
        ]

    return make


@dataclass
class Case:
    """A module, its input, and the arguments that must end in a ValueError.

    Attributes:
        arguments: Of the class, small enough for a CPU.
        make_input: From (batch, (height, width) of the image) to forward's argument.
        bad: Pairs of arguments that replace the good ones, and words of the error.
    """

    arguments: dict
    make_input: Callable
    bad: list[tuple[dict, str]] = field(default_factory=list)


MODULES = {
    'FCNVGG': Case(
        dict(base_channels=4, fc_channels=8, dropout_ratio=0.0, norm_cfg=BN),
        image,
        [
            (dict(depth=17), 'depth=17'),
            (dict(out_indices=(4, 3)), r'out_indices=\(4, 3\)'),
            (dict(out_indices=(2, 5)), r'out_indices=\(2, 5\)'),
            (dict(out_indices=(2, 3)), r'out_indices=\(2, 3\)'),
            (dict(frozen_stages=6), 'frozen_stages=6'),
            (dict(dropout_ratio=1.5), '1.5'),
        ],
    ),
    'FCNSkipHead': Case(
        dict(in_channels=[4, 6, 8], in_index=[0, 1, 2], num_classes=5),
        levels((4, 6, 8), (8, 16, 32)),
        [
            (dict(strides=[8, 16]), 'same length'),
            (dict(strides=[32, 16, 8]), r'strides=\[32, 16, 8\]'),
            (dict(strides=[8, 16, 24]), r'strides=\[8, 16, 24\]'),
            (dict(in_index=[-3, -2, -1]), r'in_index=\[-3, -2, -1\]'),
            (dict(in_channels=8), 'in_channels=8'),
            (dict(channels=64), 'channels=64'),
            (dict(align_corners=True), 'align_corners=True'),
        ],
    ),
}

#: Backbone and head of each network, small, for what only a whole network can show.
NETWORKS = {
    'fcn-8s': dict(
        backbone=dict(
            type='mmseg_plugins.FCNVGG', base_channels=4, fc_channels=8, norm_cfg=BN
        ),
        decode_head=dict(
            type='mmseg_plugins.FCNSkipHead',
            in_channels=[16, 32, 8],
            in_index=[0, 1, 2],
            strides=[8, 16, 32],
            num_classes=5,
        ),
    ),
}
