"""Configs of the backbones and heads that are combined, in usual widths and slim.

Channels and strides of the levels are not here: mixtures.py asks the backbones.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

BN = dict(type='BN')
SLIM_RESNET = dict(depth=18, stem_channels=4, base_channels=4)
DILATED = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True)
Level = tuple[int, int, int]  # index, channels, stride


@dataclass(frozen=True)
class Backbone:
    """A backbone as in a config."""

    type: str
    usual: dict = field(default_factory=dict)  # its other arguments
    slim: dict = field(default_factory=dict)  # what replaces some, where it is large
    main: int = -1  # index of the level that heads of one level take
    divisor: int = 1  # the sides of an image must be multiples of it
    strides: tuple[int, ...] = ()  # of a backbone that pads: sizes do not show them
    frozen: bool = False  # whether it is in a FrozenBackbone
    neck: str = ''  # a neck of mmseg, which gets embed_dim


@dataclass(frozen=True)
class Head:
    """A head as in a config; ``choose`` gets all levels and the main one."""

    type: str
    usual: dict
    slim: dict
    choose: Callable[[list[Level], Level], dict]


HRNET = {
    f'stage{branches}': dict(
        num_modules=num_modules,
        num_branches=branches,
        block='BASIC' if branches > 1 else 'BOTTLENECK',
        num_blocks=(4,) * branches,
        num_channels=(18, 36, 72, 144)[:branches] if branches > 1 else (64,),
    )
    for branches, num_modules in enumerate((1, 1, 4, 3), 1)
}
STDC = dict(
    stdc_type='STDCNet1',
    in_channels=3,
    channels=(32, 64, 256, 512, 1024),
    bottleneck_type='cat',
    norm_cfg=BN,
    act_cfg=dict(type='ReLU'),
)
MIT = dict(embed_dims=32, num_layers=[2, 2, 2, 2], num_heads=[1, 2, 5, 8])
CONVNEXT = dict(arch='tiny', out_indices=range(4), gap_before_final_norm=False)
EFFICIENT = dict(arch='b0', out_indices=(2, 3, 4, 5))
MOBILE = dict(arch='large', out_indices=(1, 3, 16), norm_cfg=BN)
VGG = dict(depth=16, norm_cfg=BN, out_indices=(2, 3, 4))
REGNET = dict(model_name='regnety_002', pretrained=False)
SLIM_FCN = dict(base_channels=6, fc_channels=8)
SLIM_VGG = dict(SLIM_FCN, norm_cfg=BN)
OURS = {
    'FCNVGG': Backbone('mmseg_plugins.FCNVGG', {}, SLIM_VGG),
    'FCNAlexNet': Backbone('mmseg_plugins.FCNAlexNet', {}, SLIM_FCN, strides=(32,)),
    'FCNGoogLeNet': Backbone(
        'mmseg_plugins.FCNGoogLeNet', {}, dict(base_channels=8, norm_cfg=BN)
    ),
    'DFANet': Backbone('mmseg_plugins.DFANet', {}, dict(arch='B', num_subnets=2)),
    'XceptionA': Backbone('mmseg_plugins.XceptionA'),
    'XceptionB': Backbone('mmseg_plugins.XceptionB'),
    'SPNetResNet': Backbone('mmseg_plugins.SPNetResNet', dict(depth=50), SLIM_RESNET),
}
PADDED = {  # for FCNPad100Head
    'FCNVGG, pad=100': Backbone(
        'mmseg_plugins.FCNVGG', dict(pad=100), SLIM_VGG, strides=(8, 16, 32)
    ),
    'FCNAlexNet': OURS['FCNAlexNet'],
}
STOCK = {
    'ResNet': Backbone('ResNet', dict(depth=50, norm_cfg=BN), dict(depth=18)),
    'ResNetV1c, dilated': Backbone(
        'ResNetV1c', dict(depth=50, norm_cfg=BN, **DILATED), SLIM_RESNET
    ),
    'ResNeSt': Backbone('ResNeSt', dict(depth=50, stem_channels=64, norm_cfg=BN)),
    'MobileNetV2': Backbone('MobileNetV2', dict(out_indices=(1, 2, 4, 6), norm_cfg=BN)),
    'MobileNetV3': Backbone('MobileNetV3', MOBILE),
    'HRNet': Backbone('HRNet', dict(extra=HRNET, norm_cfg=BN)),
    'MixVisionTransformer': Backbone('MixVisionTransformer', MIT),
    'SwinTransformer': Backbone('SwinTransformer', {}, dict(depths=(1, 1, 1, 1))),
    'BiSeNetV2': Backbone('BiSeNetV2', dict(norm_cfg=BN), main=0),
    'STDCNet': Backbone('STDCNet', STDC),
    'PIDNet': Backbone('PIDNet', dict(channels=32, norm_cfg=BN), main=1, divisor=64),
    'UNet': Backbone('UNet', dict(norm_cfg=BN), dict(base_channels=4), divisor=16),
    'ConvNeXt': Backbone('mmpretrain.ConvNeXt', CONVNEXT),
    'EfficientNet': Backbone('mmpretrain.EfficientNet', EFFICIENT),
    'RepVGG': Backbone('mmpretrain.RepVGG', dict(arch='A0', out_indices=range(4))),
    'VGG': Backbone('mmpretrain.VGG', VGG, dict(depth=11)),
    'timm regnety_002': Backbone('TIMMBackbone', REGNET),
}
LAYERS_OF_12, LAYERS_OF_4 = (
    dict(out_indices=(2, 5, 8, 11)),
    dict(out_indices=(0, 1, 2, 3)),
)
VIT = dict(LAYERS_OF_12, img_size=512)
SLIM_VIT = dict(LAYERS_OF_4, img_size=64, num_layers=4, embed_dims=16, num_heads=2)
SLIM_ARCH = dict(embed_dims=16, num_layers=4, num_heads=2, feedforward_channels=32)
MMPRETRAIN_VIT = dict(out_type='featmap', out_indices=[2, 5, 8, 11])
SLIM_MMPRETRAIN_VIT = dict(arch=SLIM_ARCH, out_indices=[0, 1, 2, 3])
DINOV2 = dict(MMPRETRAIN_VIT, img_size=518, patch_size=14, layer_scale_init_value=1e-5)
SAM = dict(arch='base', img_size=512, out_channels=256, use_rel_pos=True)
SLIM_SAM = dict(SLIM_ARCH, global_attn_indexes=[3])
TIMM = dict(pretrained=False, **LAYERS_OF_12)
DYNAMIC = dict(TIMM, dynamic_img_size=True, dynamic_img_pad=True)
SLIM_TIMM = dict(LAYERS_OF_4, depth=4, embed_dim=16, num_heads=2)


def frozen(type_: str, usual: dict, slim: dict, stride: int = 0, **kwargs) -> Backbone:
    """Make a frozen backbone; ``stride`` is that of all four levels of a plain ViT."""
    strides, divisor = (stride,) * 4 if stride else (), stride or 1
    return Backbone(
        type_, usual, slim, strides=strides, divisor=divisor, frozen=True, **kwargs
    )


FROZEN = {
    'VisionTransformer': frozen('VisionTransformer', VIT, SLIM_VIT, 16),
    'VisionTransformer, Feature2Pyramid': frozen(
        'VisionTransformer',
        dict(VIT, embed_dims=768),
        SLIM_VIT,
        main=2,
        neck='Feature2Pyramid',
    ),
    'SwinTransformer, frozen': frozen(
        'SwinTransformer',
        {},
        dict(embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2)),
    ),
    'ConvNeXt, frozen': frozen(
        'mmpretrain.ConvNeXt',
        CONVNEXT,
        dict(arch=dict(depths=[1, 1, 1, 1], channels=[4, 8, 16, 32])),
    ),
    'DINOv2': frozen(
        'mmpretrain.VisionTransformer',
        dict(DINOV2, arch='dinov2-small'),
        SLIM_MMPRETRAIN_VIT,
        14,
    ),
    'CLIP': frozen(
        'mmpretrain.VisionTransformer',
        dict(MMPRETRAIN_VIT, arch='base', pre_norm=True),
        SLIM_MMPRETRAIN_VIT,
        16,
    ),
    'SAM': frozen(
        'mmpretrain.ViTSAM',
        dict(SAM, out_indices=[2, 5, 8, 11]),
        dict(arch=SLIM_SAM, out_channels=8, out_indices=[0, 1, 2, 3]),
        16,
    ),
    'timm DINOv2': frozen(
        'TIMMBackbone',
        dict(DYNAMIC, model_name='vit_small_patch14_dinov2'),
        SLIM_TIMM,
        14,
    ),
    'timm DINOv3': frozen(
        'TIMMBackbone', dict(TIMM, model_name='vit_small_patch16_dinov3'), SLIM_TIMM, 16
    ),
    'timm CLIP': frozen(
        'TIMMBackbone',
        dict(DYNAMIC, model_name='vit_base_patch16_clip_224'),
        SLIM_TIMM,
        16,
    ),
    'timm SAM': frozen(
        'TIMMBackbone',
        dict(TIMM, model_name='samvit_base_patch16'),
        dict(SLIM_TIMM, global_attn_indexes=(3,)),
        16,
    ),
}
BACKBONES = {**OURS, **PADDED, **STOCK, **FROZEN}


def choose_main(_: list[Level], main: Level) -> dict:
    return dict(in_index=main[0], in_channels=main[1])


def choose_main_last(levels: list[Level], main: Level) -> dict:
    levels = sorted(levels, key=lambda level: level == main)
    return dict(in_index=[x[0] for x in levels], in_channels=[x[1] for x in levels])


def choose_all(levels: list[Level], _: Level) -> dict:
    """Choose all levels, finest first."""
    levels = sorted(levels, key=lambda level: level[2])
    return dict(in_index=[x[0] for x in levels], in_channels=[x[1] for x in levels])


def choose_strides(levels: list[Level], main: Level) -> dict:
    """Choose the last level of each stride, finest first; all levels of a plain ViT."""
    last = {level[2]: level for level in levels}
    if len(last) == 1:
        return dict(choose_all(levels, main), strides=[main[2]] * len(levels))
    return dict(choose_all(list(last.values()), main), strides=sorted(last))


def choose_padded(levels: list[Level], main: Level) -> dict:
    return dict(choose_strides(levels, main), centre=12.5 if len(levels) > 1 else 13)


def choose_low_and_high(levels: list[Level], main: Level) -> dict:
    """Choose all levels; the finer half are low levels."""
    return dict(choose_all(levels, main), num_low=(len(levels) + 1) // 2)


USUAL, SLIM = dict(channels=512, norm_cfg=BN), dict(channels=8)
OUR_HEADS = {
    'FCNSkipHead': Head('mmseg_plugins.FCNSkipHead', {}, {}, choose_strides),
    'EncHead': Head(
        'mmseg_plugins.EncHead',
        dict(USUAL, add_lateral=True),
        dict(channels=8, num_codes=4),
        choose_main_last,
    ),
    'DFAHead': Head(
        'mmseg_plugins.DFAHead', dict(norm_cfg=BN), SLIM, choose_low_and_high
    ),
    'StripPoolingHead': Head(
        'mmseg_plugins.StripPoolingHead',
        dict(norm_cfg=BN),
        dict(channels=8, reduce_channels=16),
        choose_main,
    ),
}
PADDED_HEADS = {
    'FCNPad100Head': Head('mmseg_plugins.FCNPad100Head', {}, {}, choose_padded)
}
STOCK_HEADS = {
    'FCNHead': Head('FCNHead', USUAL, SLIM, choose_main),
    'PSPHead': Head('PSPHead', USUAL, SLIM, choose_main),
    'ASPPHead': Head(
        'ASPPHead', dict(USUAL, dilations=(1, 12, 24, 36)), SLIM, choose_main
    ),
    'UPerHead': Head('UPerHead', USUAL, SLIM, choose_all),
    'SegformerHead': Head(
        'SegformerHead', dict(channels=256, norm_cfg=BN), SLIM, choose_all
    ),
}
HEADS = {**OUR_HEADS, **PADDED_HEADS, **STOCK_HEADS}
#: Backbones and heads, all of which are combined.
TABLES = (
    ({**OURS, **STOCK, **FROZEN}, OUR_HEADS),
    (OURS, STOCK_HEADS),
    (PADDED, PADDED_HEADS),
)
