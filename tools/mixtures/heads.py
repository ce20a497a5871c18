"""The heads that tools/mixing.py combines, in usual widths and slim.

Each knows which levels of a backbone it takes, whatever these are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .backbones import BN, Backbone

Level = tuple[int, int, int]  # index, channels, stride


def _one(levels: list[Level], backbone: Backbone) -> dict:
    index, channels, _ = levels[backbone.main]
    return dict(in_index=index, in_channels=channels)


def _some(levels: Sequence[Level]) -> dict:
    return dict(in_index=[x[0] for x in levels], in_channels=[x[1] for x in levels])


def _finest_first(levels: list[Level], _: Backbone) -> dict:
    return _some(sorted(levels, key=lambda level: level[2]))


def _main_last(levels: list[Level], backbone: Backbone) -> dict:
    main = levels[backbone.main]
    return _some([*(level for level in levels if level != main), main])


def _one_per_stride(levels: list[Level], backbone: Backbone) -> dict:
    last = {level[2]: level for level in levels}
    chosen = _some([last[stride] for stride in sorted(last)])
    return dict(chosen, strides=sorted(last), **backbone.skip)


def _low_and_high(levels: list[Level], backbone: Backbone) -> dict:
    chosen = _finest_first(levels, backbone)
    return dict(chosen, num_low=(len(levels) + 1) // 2)


@dataclass(frozen=True)
class Head:
    """A head as a config has it; ``inputs`` chooses among the levels of a backbone."""

    usual: dict
    slim: dict
    inputs: Callable[[list[Level], Backbone], dict]


OUR_HEADS = {
    'FCNSkipHead': Head(dict(type='mmseg_plugins.FCNSkipHead'), {}, _one_per_stride),
    'EncHead': Head(
        dict(type='mmseg_plugins.EncHead', channels=512, add_lateral=True, norm_cfg=BN),
        dict(channels=8, num_codes=4),
        _main_last,
    ),
    'DFAHead': Head(
        dict(type='mmseg_plugins.DFAHead', norm_cfg=BN), dict(channels=8), _low_and_high
    ),
    'StripPoolingHead': Head(
        dict(type='mmseg_plugins.StripPoolingHead', norm_cfg=BN),
        dict(channels=8, reduce_channels=16),
        _one,
    ),
}
STOCK_HEADS = {
    'FCNHead': Head(
        dict(type='FCNHead', channels=512, norm_cfg=BN), dict(channels=8), _one
    ),
    'PSPHead': Head(
        dict(type='PSPHead', channels=512, norm_cfg=BN), dict(channels=8), _one
    ),
    'ASPPHead': Head(
        dict(type='ASPPHead', channels=512, dilations=(1, 12, 24, 36), norm_cfg=BN),
        dict(channels=8),
        _one,
    ),
    'UPerHead': Head(
        dict(type='UPerHead', channels=512, norm_cfg=BN),
        dict(channels=8),
        _finest_first,
    ),
    'SegformerHead': Head(
        dict(type='SegformerHead', channels=256, norm_cfg=BN),
        dict(channels=8),
        _finest_first,
    ),
}
HEADS = {**OUR_HEADS, **STOCK_HEADS}
