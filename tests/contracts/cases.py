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


def padded_levels(channels: tuple[int, ...]) -> Callable:
    """Make what ``FCNVGG(pad=100)`` would give for an image."""

    def make(batch: int, size: tuple[int, int]) -> list[Tensor]:
        maps = levels(channels, (8, 16, 32))(batch, (size[0] + 198, size[1] + 198))
        maps[-1] = maps[-1][..., :-6, :-6]  # fc6 is a 7 x 7 convolution without padding
        return maps

    return make


def single_map(channels: int) -> Callable:
    """Make a map of the image's size, for a layer."""
    return lambda batch, size: torch.randn(batch, channels, *size)


@dataclass
class Case:
    """A module, its input, and the arguments that must end in a ValueError.

    Attributes:
        required: The required arguments of the class.
        make_input: From (batch, (height, width) of the image) to forward's argument.
        small: Optional arguments that make it small enough for many tests on a CPU.
        bad: Pairs of arguments that replace the good ones, and words of the error.
        variants: Arguments that mmseg's base class takes, and the input for them.
    """

    required: dict
    make_input: Callable
    small: dict = field(default_factory=dict)
    bad: list[tuple[dict, str]] = field(default_factory=list)
    variants: list[dict] = field(default_factory=list)

    @property
    def arguments(self) -> dict:
        """All arguments of the small module."""
        return self.required | self.small


#: Arguments of mmseg's BaseDecodeHead that every head passes on.
HEAD_VARIANTS = [
    dict(conv_cfg=dict(type='Conv2d')),
    dict(norm_cfg=dict(type='GN', num_groups=2)),
    dict(norm_cfg=None),
    dict(act_cfg=dict(type='LeakyReLU')),
    dict(act_cfg=None),
    dict(dropout_ratio=0.5),
    dict(ignore_index=0),
    dict(init_cfg=dict(type='Xavier', layer='Conv2d')),
]
PIXEL_HEAD_VARIANTS = [
    *HEAD_VARIANTS,
    dict(align_corners=True),
    dict(align_corners=False),
    dict(
        num_classes=2,
        out_channels=1,
        threshold=0.4,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True),
    ),
    dict(sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=50)),
    dict(
        loss_decode=[dict(type='mmseg.CrossEntropyLoss'), dict(type='mmseg.DiceLoss')]
    ),
]


MODULES = {
    'FCNVGG': Case(
        dict(),
        image,
        dict(base_channels=4, fc_channels=8, dropout_ratio=0.0, norm_cfg=BN),
        [
            (dict(depth=17), 'depth=17'),
            (dict(out_indices=(4, 3)), r'out_indices=\(4, 3\)'),
            (dict(out_indices=(2, 5)), r'out_indices=\(2, 5\)'),
            (dict(out_indices=(2, 3)), r'out_indices=\(2, 3\)'),
            (dict(pad=50), 'pad=50'),
            (dict(dropout_ratio=1.5), '1.5'),
        ],
    ),
    'FCNAlexNet': Case(
        dict(),
        image,
        dict(base_channels=6, fc_channels=8, dropout_ratio=0.0),
        [
            (dict(base_channels=64), 'base_channels=64'),
            (dict(base_channels=0), 'base_channels=0'),
            (dict(dropout_ratio=1.5), '1.5'),
        ],
    ),
    'FCNGoogLeNet': Case(
        dict(),
        image,
        dict(base_channels=8, out_indices=(0, 1, 2, 3, 4)),
        [
            (dict(base_channels=12), 'base_channels=12'),
            (dict(base_channels=0), 'base_channels=0'),
            (dict(out_indices=(4, 3)), r'out_indices=\(4, 3\)'),
            (dict(out_indices=(2, 3)), r'out_indices=\(2, 3\)'),
        ],
    ),
    'FCNSkipHead': Case(
        dict(in_channels=[4, 6, 8], in_index=[0, 1, 2], num_classes=5),
        levels((4, 6, 8), (8, 16, 32)),
        dict(),
        [
            (dict(strides=[8, 16]), 'same length'),
            (dict(strides=[32, 16, 8]), r'strides=\[32, 16, 8\]'),
            (dict(strides=[3.5, 7, 14]), r'strides=\[3.5, 7, 14\]'),
            (dict(strides=[7, 14, 14], upsample='learned'), 'need even ratios'),
            (dict(in_index=[-3, -2, -1]), r'in_index=\[-3, -2, -1\]'),
            (dict(in_channels=8), 'in_channels=8'),
            (dict(channels=64), 'channels=64'),
            (dict(upsample='nearest'), "upsample='nearest'"),
            (dict(upsample='learned', align_corners=True), 'align_corners=True'),
            (dict(skip_scales=[0.1]), r'skip_scales=\[0.1\]: must have 2 entries'),
        ],
        PIXEL_HEAD_VARIANTS,
    ),
    'FCNPad100Head': Case(
        dict(in_channels=[4, 6, 8], in_index=[0, 1, 2], num_classes=5),
        padded_levels((4, 6, 8)),
        dict(),
        [
            (dict(centre=12.25), 'centre='),
            (dict(align_corners=True), 'align_corners=True'),
            (dict(strides=[8, 16]), 'same length'),
        ],
        [v for v in PIXEL_HEAD_VARIANTS if not v.get('align_corners')],
    ),
    **dict.fromkeys(
        ['XceptionA', 'XceptionB'],
        Case(
            dict(),
            image,
            dict(),
            [
                (dict(out_indices=(3, 2)), r'out_indices=\(3, 2\)'),
                (dict(out_indices=(2, 4)), r'out_indices=\(2, 4\)'),
                (dict(out_indices=(0, 1)), r'out_indices=\(0, 1\)'),
                (dict(out_indices=2), 'out_indices=2'),
            ],
        ),
    ),
    'DFANet': Case(
        dict(),
        image,
        dict(arch='B', num_subnets=2),  # a third would be 1 x 1 for a batch of one
        [(dict(arch='C'), "arch='C'"), (dict(num_subnets=0), 'num_subnets=0')],
    ),
    'DFAHead': Case(
        dict(in_channels=[4, 4, 6, 6], in_index=[0, 1, 2, 3], num_classes=5),
        levels((4, 4, 6, 6), (4, 8, 16, 32)),
        dict(num_low=2, channels=8),
        [
            (dict(in_channels=8), 'in_channels=8'),
            (dict(in_index=2), 'in_index=2'),
            (dict(in_index=[1, 2]), r'in_index=\[1, 2\]: must have the same length'),
            (dict(num_low=5), 'num_low=5'),
            (dict(num_low=-1), 'num_low=-1'),
        ],
        PIXEL_HEAD_VARIANTS,
    ),
    'EncHead': Case(
        dict(in_channels=[4, 6, 8], in_index=[0, 1, 2], channels=8, num_classes=5),
        levels((4, 6, 8), (8, 8, 8)),
        dict(num_codes=4, add_lateral=True, dropout_ratio=0.0, norm_cfg=BN),
        [
            (dict(in_channels=8), 'in_channels=8'),
            (dict(in_index=2), 'in_index=2'),
            (dict(in_index=[1, 2]), r'in_index=\[1, 2\]: must have the same length'),
            (dict(num_codes=0), 'num_codes=0'),
            (dict(norm_cfg=dict(type='LN')), 'norm_cfg='),
        ],
        PIXEL_HEAD_VARIANTS,
    ),
    'PresenceHead': Case(
        dict(in_channels=8, channels=8, num_classes=5),
        levels((8,), (8,)),
        dict(num_codes=4, norm_cfg=BN),
        [
            (dict(in_channels=[8]), r'in_channels=\[8\]'),
            (dict(in_index=[0]), r'in_index=\[0\]'),
            (dict(input_transform='multiple_select'), "'multiple_select'"),
            (dict(out_channels=1), 'out_channels=1'),
            (dict(sampler=dict(type='OHEMPixelSampler')), 'sampler='),
            (dict(loss_decode=dict(type='CrossEntropyLoss')), 'CrossEntropyLoss'),
            (dict(num_codes=0), 'num_codes=0'),
            (dict(norm_cfg=dict(type='LN')), 'norm_cfg='),
        ],
        HEAD_VARIANTS,
    ),
    'StripPooling': Case(dict(in_channels=6), single_map(6)),
    'SPNetResNet': Case(
        dict(),
        image,
        dict(depth=50, base_channels=4, stem_channels=8, norm_cfg=BN),
        [
            (dict(depth=17), 'depth=17'),
            (dict(spm_blocks=('last', 'all')), r"spm_blocks=\('last', 'all'\)"),
            (dict(spm_blocks=('first', 'last', 'last', 'all')), "'first'"),
            (dict(spm_blocks=((), (), (), (3,))), r'\(3,\) must be from 0 to 2'),
            (dict(plugins=[dict(cfg=dict(type='StripPooling'))]), 'plugins='),
        ],
    ),
    'StripPoolingHead': Case(
        dict(in_channels=6, num_classes=5),
        levels((6,), (8,)),
        dict(reduce_channels=8, channels=8, dropout_ratio=0.0, norm_cfg=BN),
        [
            (dict(num_modules=-1), 'num_modules=-1'),
            (dict(pool_sizes=(20, 0)), r'pool_sizes=\(20, 0\)'),
            (dict(reduce_channels=3), 'reduce_channels=3'),
            (dict(input_transform='multiple_select'), "'multiple_select'"),
        ],
        [
            *PIXEL_HEAD_VARIANTS,
            dict(input_transform='resize_concat', in_channels=[6, 6], in_index=[0, -1]),
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

#: No parameter of it trains; tests/backbones/test_frozen_backbone.py tests it.
FROZEN = {'FrozenBackbone'}

#: Losses of logits (N, K, H, W); tests/losses tests them.
PIXEL_LOSSES = {'CrossEntropyLoss'}

#: It takes the dict of a data loader; tests/datasets/test_multi_channel.py tests it.
DATA_PREPROCESSORS = {'MultiChannelDataPreProcessor'}


def network(head: str, backbone: dict, **arguments: object) -> dict:
    """Make the config of a small network of five classes."""
    decode_head = dict(type=f'mmseg_plugins.{head}', num_classes=5, **arguments)
    return dict(backbone=backbone, decode_head=decode_head)


VGG = dict(type='mmseg_plugins.FCNVGG', base_channels=4, fc_channels=8, norm_cfg=BN)
ALEXNET = dict(type='mmseg_plugins.FCNAlexNet', base_channels=6, fc_channels=8)
RESNET = dict(
    stem_channels=8,
    base_channels=4,
    strides=(1, 2, 1, 1),
    dilations=(1, 1, 2, 4),
    norm_cfg=BN,
)
SKIPS = dict(in_channels=[16, 32, 8], in_index=[0, 1, 2])

#: Backbone and head of each network, small, for what only a whole network can show.
NETWORKS = {
    'fcn-8s': network('FCNSkipHead', VGG, **SKIPS),
    'fcn-8s-learned': network('FCNSkipHead', VGG, **SKIPS, upsample='learned'),
    'fcn-8s-pad100': network('FCNPad100Head', dict(VGG, pad=100), **SKIPS),
    'fcn-alexnet': network(
        'FCNPad100Head',
        ALEXNET,
        in_channels=[8],
        in_index=[0],
        strides=[32],
        centre=13,
    ),
    'dfanet': network(
        'DFAHead',
        dict(type='mmseg_plugins.DFANet', arch='B', num_subnets=2),
        in_channels=[32, 32, 128, 128],
        in_index=[0, 1, 2, 3],
        num_low=2,
    ),
    'encnet': network(
        'EncHead',
        dict(type='mmseg.ResNetV1c', depth=18, contract_dilation=True, **RESNET),
        in_channels=[8, 16, 32],
        in_index=[1, 2, 3],
        channels=8,
        num_codes=4,
        add_lateral=True,
        align_corners=True,
        norm_cfg=BN,
    ),
    'spnet': network(
        'StripPoolingHead',
        dict(type='mmseg_plugins.SPNetResNet', depth=50, **RESNET),
        in_channels=128,
        in_index=3,
        reduce_channels=8,
        channels=8,
        norm_cfg=BN,
    ),
}
