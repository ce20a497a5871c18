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
            (dict(pad=50), 'pad=50'),
            (dict(dropout_ratio=1.5), '1.5'),
        ],
    ),
    'FCNAlexNet': Case(
        dict(base_channels=6, fc_channels=8, dropout_ratio=0.0),
        image,
        [
            (dict(base_channels=64), 'base_channels=64'),
            (dict(base_channels=0), 'base_channels=0'),
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
            (dict(align='centre'), "align='centre'"),
            (dict(upsample='nearest'), "upsample='nearest'"),
            (dict(align='resize', upsample='learned'), "upsample='learned'"),
            (dict(skip_scales=[0.1]), r'skip_scales=\[0.1\] must have 2 entries'),
            (dict(align='pad100', centre=12.25), 'centre puts cells'),
        ],
    ),
    'EncHead': Case(
        dict(
            in_channels=[4, 6, 8],
            in_index=[0, 1, 2],
            channels=8,
            num_codes=4,
            num_classes=5,
            add_lateral=True,
            dropout_ratio=0.0,
            norm_cfg=BN,
        ),
        levels((4, 6, 8), (8, 8, 8)),
        [
            (dict(in_channels=8), 'in_channels=8'),
            (dict(in_index=2), 'in_index=2'),
            (dict(in_index=[1, 2]), r'in_index=\[1, 2\] must have the same length'),
            (dict(num_codes=0), 'num_codes=0'),
            (dict(norm_cfg=dict(type='LN')), 'does not fit the codes'),
        ],
    ),
}

#: Losses of presence logits (N, K) against labels; make_input is from the batch.
LOSSES = {
    'SELoss': Case(
        dict(),
        lambda batch: (torch.randn(batch, 5), torch.randint(0, 5, (batch, 1, 9, 7))),
    ),
}


def fcn_8s(pad: int = 1, **head: object) -> dict:
    """Make a small FCN-8s with the head's arguments."""
    return dict(
        backbone=dict(
            type='mmseg_plugins.FCNVGG',
            base_channels=4,
            fc_channels=8,
            norm_cfg=BN,
            pad=pad,
        ),
        decode_head=dict(
            type='mmseg_plugins.FCNSkipHead',
            in_channels=[16, 32, 8],
            in_index=[0, 1, 2],
            strides=[8, 16, 32],
            num_classes=5,
            **head,
        ),
    )


#: Backbone and head of each network, small, for what only a whole network can show.
NETWORKS = {
    'fcn-8s': fcn_8s(),
    'fcn-8s-resize': fcn_8s(align='resize'),
    'fcn-8s-learned': fcn_8s(upsample='learned'),
    'fcn-8s-pad100': fcn_8s(pad=100, align='pad100', upsample='deconv'),
    'fcn-alexnet': dict(
        backbone=dict(type='mmseg_plugins.FCNAlexNet', base_channels=6, fc_channels=8),
        decode_head=dict(
            type='mmseg_plugins.FCNSkipHead',
            in_channels=[8],
            in_index=[0],
            strides=[32],
            num_classes=5,
            align='pad100',
            centre=13,
        ),
    ),
    'encnet': dict(
        backbone=dict(
            type='mmseg.ResNetV1c',
            depth=18,
            stem_channels=4,
            base_channels=4,
            strides=(1, 2, 1, 1),
            dilations=(1, 1, 2, 4),
            contract_dilation=True,
            norm_cfg=BN,
        ),
        decode_head=dict(
            type='mmseg_plugins.EncHead',
            in_channels=[8, 16, 32],
            in_index=[1, 2, 3],
            channels=8,
            num_codes=4,
            num_classes=5,
            add_lateral=True,
            norm_cfg=BN,
        ),
    ),
}
