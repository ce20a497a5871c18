"""The backbones that tools/mixing.py combines, in usual widths and slim.

Channels and strides of the levels are not told here: tools/mixtures/cells.py asks the
backbones for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

BN = dict(type='BN')


@dataclass(frozen=True)
class Backbone:
    """A backbone as a config has it.

    Attributes:
        usual: Its config.
        slim: What is changed so that a CPU trains a step in a moment.
        package: What has to be installed for it.
        main: Index of the level that heads of one level take.
        divisor: What the sides of an image must be multiples of.
        strides: Of the levels, where it pads the image and a run does not show them.
        skip: What FCNSkipHead has to be told besides.
    """

    usual: dict
    slim: dict
    package: str = 'mmseg'
    main: int = -1
    divisor: int = 1
    strides: tuple[int, ...] = ()
    skip: dict = field(default_factory=dict)


def _hrnet(widths: Sequence[int], blocks: int, modules: Sequence[int]) -> dict:
    stages = dict(
        stage1=dict(
            num_modules=1,
            num_branches=1,
            block='BOTTLENECK',
            num_blocks=(blocks,),
            num_channels=(4 * widths[0] if blocks == 1 else 64,),
        )
    )
    for branches in (2, 3, 4):
        stages[f'stage{branches}'] = dict(
            num_modules=modules[branches - 2],
            num_branches=branches,
            block='BASIC',
            num_blocks=(blocks,) * branches,
            num_channels=tuple(widths[:branches]),
        )
    return stages


RESIZE = dict(align='resize')  # for backbones that round sizes down
OURS = {
    'FCNVGG': Backbone(
        dict(type='mmseg_plugins.FCNVGG'),
        dict(base_channels=4, fc_channels=8, norm_cfg=BN),
    ),
    'FCNAlexNet': Backbone(
        dict(type='mmseg_plugins.FCNAlexNet'),
        dict(base_channels=6, fc_channels=8),
        strides=(32,),
        skip=dict(align='pad100', centre=13),
    ),
    'DFANet': Backbone(
        dict(type='mmseg_plugins.DFANet'), dict(arch='B', num_subnets=2)
    ),
    'XceptionA': Backbone(dict(type='mmseg_plugins.XceptionA'), {}),
    'XceptionB': Backbone(dict(type='mmseg_plugins.XceptionB'), {}),
    'SPNetResNet': Backbone(
        dict(type='mmseg_plugins.SPNetResNet', depth=50),
        dict(depth=18, stem_channels=4, base_channels=4),
    ),
}
STOCK = {
    'ResNet': Backbone(
        dict(type='ResNet', depth=50, norm_cfg=BN), dict(depth=18, base_channels=4)
    ),
    'ResNetV1c, dilated': Backbone(
        dict(
            type='ResNetV1c',
            depth=50,
            strides=(1, 2, 1, 1),
            dilations=(1, 1, 2, 4),
            contract_dilation=True,
            norm_cfg=BN,
        ),
        dict(depth=18, stem_channels=4, base_channels=4),
    ),
    'ResNeSt': Backbone(
        dict(type='ResNeSt', depth=50, stem_channels=64, norm_cfg=BN),
        dict(stem_channels=8, base_channels=8),
    ),
    'MobileNetV2': Backbone(
        dict(type='MobileNetV2', out_indices=(1, 2, 4, 6), norm_cfg=BN),
        dict(widen_factor=0.25),
    ),
    'MobileNetV3': Backbone(
        dict(type='MobileNetV3', arch='large', out_indices=(1, 3, 16), norm_cfg=BN),
        dict(arch='small', out_indices=(0, 1, 12)),
    ),
    'HRNet': Backbone(
        dict(
            type='HRNet',
            extra=_hrnet((18, 36, 72, 144), 4, (1, 4, 3)),
            norm_cfg=BN,
            norm_eval=False,
        ),
        dict(extra=_hrnet((4, 8, 16, 32), 1, (1, 1, 1))),
    ),
    'MixVisionTransformer': Backbone(
        dict(
            type='MixVisionTransformer',
            embed_dims=32,
            num_layers=[2, 2, 2, 2],
            num_heads=[1, 2, 5, 8],
        ),
        dict(embed_dims=4, num_layers=[1, 1, 1, 1], num_heads=[1, 2, 4, 8]),
    ),
    'SwinTransformer': Backbone(
        dict(type='SwinTransformer'),
        dict(embed_dims=12, depths=(1, 1, 1, 1), num_heads=(1, 2, 3, 6)),
    ),
    'BiSeNetV2': Backbone(
        dict(type='BiSeNetV2', norm_cfg=BN),
        dict(detail_channels=(4, 4, 8), semantic_channels=(4, 8, 8, 8), bga_channels=8),
        main=0,
    ),
    'STDCNet': Backbone(
        dict(
            type='STDCNet',
            stdc_type='STDCNet1',
            in_channels=3,
            channels=(32, 64, 256, 512, 1024),
            bottleneck_type='cat',
            norm_cfg=BN,
            act_cfg=dict(type='ReLU'),
        ),
        dict(channels=(4, 8, 16, 32, 64)),
    ),
    'PIDNet': Backbone(
        dict(type='PIDNet', channels=32, norm_cfg=BN),
        dict(channels=4, ppm_channels=8),
        main=1,
        divisor=64,
    ),
    'UNet': Backbone(dict(type='UNet', norm_cfg=BN), dict(base_channels=4), divisor=16),
}
MMPRETRAIN = {
    'ConvNeXt': Backbone(
        dict(
            type='mmpretrain.ConvNeXt',
            arch='tiny',
            out_indices=(0, 1, 2, 3),
            gap_before_final_norm=False,
        ),
        dict(arch=dict(depths=[1, 1, 1, 1], channels=[4, 8, 16, 32])),
        package='mmpretrain',
        skip=RESIZE,
    ),
    'EfficientNet': Backbone(
        dict(type='mmpretrain.EfficientNet', arch='b0', out_indices=(2, 3, 4, 5)),
        {},
        package='mmpretrain',
    ),
    'RepVGG': Backbone(
        dict(type='mmpretrain.RepVGG', arch='A0', out_indices=(0, 1, 2, 3)),
        dict(
            arch=dict(
                num_blocks=[1, 1, 1, 1],
                width_factor=[0.125, 0.125, 0.125, 0.125],
                group_layer_map=None,
                se_cfg=None,
                stem_channels=8,
            )
        ),
        package='mmpretrain',
    ),
    'VGG': Backbone(
        dict(type='mmpretrain.VGG', depth=16, norm_cfg=BN, out_indices=(2, 3, 4)),
        dict(depth=11),
        package='mmpretrain',
        skip=RESIZE,
    ),
}
TIMM = {
    'timm regnety_002': Backbone(
        dict(type='TIMMBackbone', model_name='regnety_002', pretrained=False),
        {},
        package='timm',
    ),
}
BACKBONES = {**OURS, **STOCK, **MMPRETRAIN, **TIMM}
