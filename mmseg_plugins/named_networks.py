"""The networks of this package by name, on any backbone, as configs and as modules.

Channels and strides are not written here: the backbone is built and run.
"""

import importlib.util
import logging
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional

BN = dict(type='BN', requires_grad=True)
SLIM = dict(depth=18, stem_channels=32, base_channels=16)
DILATED = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True)
RESNET = dict(type='ResNetV1c', norm_cfg=BN)
SPNET_RESNET = dict(type='mmseg_plugins.SPNetResNet', norm_cfg=BN)
VGG16 = dict(type='mmseg_plugins.FCNVGG', depth=16, out_indices=(0, 1, 2, 3, 4))
VGG13_SLIM = dict(
    VGG16, depth=13, base_channels=16, fc_channels=128, dropout_ratio=0.1, norm_cfg=BN
)
DFANET_A = dict(type='mmseg_plugins.DFANet', arch='A', norm_cfg=BN)
DFANET_B = dict(type='mmseg_plugins.DFANet', arch='B', norm_cfg=BN)
#: Each network's own backbone and its slim one, those of the configs.
OWN_BACKBONES: dict[str, dict[str | None, dict]] = {
    'fcn': {None: VGG16, 'slim': VGG13_SLIM},
    'spnet': {
        None: dict(SPNET_RESNET, depth=50, stem_channels=64),
        'slim': dict(SPNET_RESNET, **SLIM, multi_grid=(4, 8)),
    },
    'encnet': {
        None: dict(RESNET, depth=50, **DILATED),
        'slim': dict(RESNET, **SLIM, **DILATED),
    },
    'dfanet': {None: DFANET_A, 'slim': DFANET_A},
    'dfanet-b': {None: DFANET_B, 'slim': DFANET_B},
}
SLIM_HEADS: dict[str, dict] = {
    'spnet': dict(pool_sizes=(8, 5)),
    'encnet': dict(add_lateral=True),
}
STRIDES = {f'fcn-{stride}s': stride for stride in (32, 16, 8, 4, 2)}
NAMES = (*STRIDES, 'spnet', 'encnet', 'dfanet', 'dfanet-b')
MIT_B0 = dict(embed_dims=32, num_layers=[2, 2, 2, 2], num_heads=[1, 2, 5, 8])
#: Backbones for all networks, by name.
BACKBONES: dict[str, dict] = {
    'resnet18': dict(RESNET, depth=18),
    'resnet50': dict(RESNET, depth=50),
    'resnet101': dict(RESNET, depth=101),
    'resnet18-slim': dict(RESNET, **SLIM),
    'vgg16': VGG16,
    'vgg13-slim': VGG13_SLIM,
    'googlenet': dict(
        type='mmseg_plugins.FCNGoogLeNet', out_indices=(0, 1, 2, 3, 4), norm_cfg=BN
    ),
    'mobilenet_v2': dict(type='MobileNetV2', out_indices=(1, 2, 4, 6), norm_cfg=BN),
    'mit_b0': dict(type='MixVisionTransformer', **MIT_B0),
    'swin_tiny': dict(type='SwinTransformer', out_indices=(0, 1, 2, 3)),
    'unet': dict(type='UNet', norm_cfg=BN),
}
Backbone = str | Mapping[str, Any] | None


class Level(NamedTuple):
    """An output of a backbone: its position, channels and stride."""

    position: int
    channels: int
    stride: int


class Network(nn.Module):
    """A backbone and a decode head, with the weights' names of mmseg's segmentors.

    Checkpoints of trainings with mmseg load; weights that only these trainings use are
    left out: auxiliary heads and the classifier of EncNet's SE-loss.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, size_divisor: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.decode_head: Any = head
        self.size_divisor = size_divisor

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, K, H, W)."""
        height, width = images.shape[2:]
        if self.size_divisor > 1:
            padding = (0, -width % self.size_divisor, 0, -height % self.size_divisor)
            images = functional.pad(images, padding)
        logits = self.decode_head(self.backbone(images))
        metas = [dict(img_shape=images.shape[2:])]
        return self.decode_head.predict_by_feat(logits, metas)[..., :height, :width]

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        unused = (f'{prefix}auxiliary_head.', f'{prefix}decode_head.se_layer.')
        for key in [key for key in state_dict if key.startswith(unused)]:
            del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, *args)


def build(name: str, backbone: Backbone = None, classes: int = 21) -> Network:
    """Build a network as an ordinary module with random weights, for any training.

    Args:
        name: ``'fcn-8s'`` (or 32, 16, 4, 2), ``'spnet'``, ``'encnet'``, ``'dfanet'`` or
            ``'dfanet-b'``.
        backbone: None for the network's own, ``'slim'`` for a narrow one that trains on
            CPUs, a name such as ``'resnet50'``, ``'timm/NAME'``, or a config. Nothing
            is downloaded unless a config says so.
        classes: K, the number of classes; the background is one if it has a label.

    Returns:
        A module that maps images (N, 3, H, W) of any size to logits (N, K, H, W).
        Weights that the logits do not depend on do not require a gradient.

    Raises:
        ValueError: If a name is unknown, or an argument does not fit another.

    Examples:
        >>> net = build('fcn-8s', backbone='resnet18-slim', classes=3)
        >>> net(torch.zeros(2, 3, 33, 65)).shape
        torch.Size([2, 3, 33, 65])
    """
    config = network_config(name, backbone, classes)
    if name == 'encnet':
        config['decode_head'].update(use_se_loss=False)
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)  # mmengine reports on each parameter
    try:
        with DefaultScope.overwrite_default_scope('mmseg'):
            network = MODELS.build(config['backbone'])
            head = MODELS.build(config['decode_head'])
        network.init_weights()
        head.init_weights()
    finally:
        logger.setLevel(level)
    test_cfg = config['data_preprocessor'].get('test_cfg', {})
    net = Network(network, head, test_cfg.get('size_divisor', 1))
    _freeze_unused(net, config['backbone'].get('in_channels', 3))
    return net


def network_config(name: str, backbone: Backbone = None, classes: int = 21) -> dict:
    """Make the config of a network for mmseg, for RGB images normalised as ImageNet's.

    It has no auxiliary heads. Arguments and errors are those of :func:`build`.
    """
    if name not in NAMES:
        raise ValueError(f'name={name!r}: must be one of {", ".join(NAMES)}')
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(f'classes={classes!r}: must be at least 2, with background')
    network = 'fcn' if name in STRIDES else name
    config = _backbone_config(network, backbone)
    levels, size_divisor = _probe(config)
    levels = _choose_levels(name, levels)
    if 'out_indices' in config and len(levels) > 1:
        # Let the backbone return these levels only: others may have weights.
        order = sorted(level.position for level in levels)
        config['out_indices'] = tuple(config['out_indices'][x] for x in order)
        levels = [x._replace(position=order.index(x.position)) for x in levels]
    head = _head_config(network, levels)
    if backbone == 'slim':
        head |= SLIM_HEADS.get(name, {})
    if classes == 2:
        head['out_channels'] = 2  # without it, mmseg warns
    preprocessor: dict[str, Any] = dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    )
    if size_divisor > 1:
        preprocessor['test_cfg'] = dict(size_divisor=size_divisor)
    loss = dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True)
    return dict(
        type='EncoderDecoder',
        data_preprocessor=preprocessor,
        backbone=config,
        decode_head=dict(head, num_classes=classes, loss_decode=loss),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )


def _backbone_config(network: str, backbone: Backbone) -> dict:
    if isinstance(backbone, Mapping):
        return deepcopy(dict(backbone))
    own = OWN_BACKBONES[network]
    if backbone in own:
        return deepcopy(own[backbone])
    word = str(backbone)
    if word in BACKBONES:
        return deepcopy(BACKBONES[word])
    if not word.startswith('timm/'):
        raise ValueError(
            f'backbone={backbone!r}: must be None, slim, {", ".join(BACKBONES)}, '
            'timm/NAME, or the config of a backbone'
        )
    if not importlib.util.find_spec('timm'):
        raise ValueError(f'backbone={backbone!r}: needs timm. Fix: pip install timm')
    timm_name = word.removeprefix('timm/')
    return dict(type='TIMMBackbone', model_name=timm_name, pretrained=False)


@torch.no_grad()
def _probe(config: dict) -> tuple[list[Level], int]:
    """Return the levels of a backbone, and the number that must divide image sides."""
    # Two sizes, because some backbones pad the image: their difference has no padding.
    channels, sides = config.get('in_channels', 3), (64, 192)
    try:
        with (
            torch.random.fork_rng(devices=[]),  # keep the user's seed for the weights
            DefaultScope.overwrite_default_scope('mmseg'),
        ):
            net = MODELS.build(deepcopy(config))
        net.eval()
        small, large = (net(torch.zeros(1, channels, side, side)) for side in sides)
    except (AssertionError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(
            f'backbone={config} cannot be built and run on images of any size: {error}'
        ) from error
    if isinstance(large, Tensor):
        raise ValueError(f'backbone={config}: must return a list of maps in evaluation')
    levels = [
        Level(index, b.shape[1], (sides[1] - sides[0]) // (b.shape[2] - a.shape[2]))
        for index, (a, b) in enumerate(zip(small, large, strict=True))
    ]
    try:
        net(torch.zeros(1, channels, 65, 97))
    except (AssertionError, RuntimeError):  # such as UNet's
        return levels, max(level.stride for level in levels)
    return levels, 1


def _choose_levels(name: str, levels: list[Level]) -> list[Level]:
    """Choose the levels that the head of a network takes, in its order."""
    if name == 'spnet':
        return levels[-1:]
    if name == 'encnet':
        return levels[-3:]
    finest_first = sorted(levels, key=lambda level: level.stride)
    if name not in STRIDES:
        return finest_first
    last = {level.stride: level for level in finest_first}
    if STRIDES[name] not in last:
        fitting = [other for other, stride in STRIDES.items() if stride in last]
        raise ValueError(
            f'name={name!r}: the backbone has levels of strides '
            f'{", ".join(map(str, last))} only; names that fit it: '
            f'{", ".join([*fitting, *NAMES[len(STRIDES) :]])}'
        )
    return [level for stride, level in last.items() if stride >= STRIDES[name]]


def _head_config(network: str, levels: list[Level]) -> dict:
    position, channels, strides = map(list, zip(*levels, strict=True))
    chosen = dict(in_channels=channels, in_index=position)
    if network == 'fcn':
        return dict(type='mmseg_plugins.FCNSkipHead', **chosen, strides=strides)
    if network.startswith('dfanet'):
        num_low = (len(levels) + 1) // 2
        return dict(
            type='mmseg_plugins.DFAHead', **chosen, num_low=num_low, norm_cfg=BN
        )
    main = levels[-1]
    common = dict(
        channels=min(512, max(64, main.channels // 4)),  # 512 on ResNet-50
        dropout_ratio=0.1,
        norm_cfg=BN,
        align_corners=True,
    )
    if network == 'encnet':
        loss = dict(type='mmseg_plugins.SELoss', loss_weight=0.2)
        return dict(
            type='mmseg_plugins.EncHead', **chosen, **common, loss_se_decode=loss
        )
    return dict(
        type='mmseg_plugins.StripPoolingHead',
        in_channels=main.channels,
        in_index=main.position,
        reduce_channels=min(1024, max(64, main.channels // 2)),
        # The authors' 20 and 12 at stride 8.
        pool_sizes=tuple(max(1, size // main.stride) for size in (160, 96)),
        **common,
    )


def _freeze_unused(net: Network, in_channels: int) -> None:
    """Freeze what the logits do not depend on, such as UNet's last layers in FCN-16s.

    It would get no gradient, which DistributedDataParallel refuses.
    """
    parameters = [p for p in net.parameters() if p.requires_grad]
    net.eval()  # batch norm keeps its statistics
    total = net(torch.zeros(1, in_channels, 64, 64)).sum()
    gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.requires_grad_(gradient is not None)
    net.train()
