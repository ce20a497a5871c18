"""DFANet's backbones in the shape that ONNX Runtime's CPU kernels want.

They keep a map in blocks of 16 channels (8 without AVX-512). Table 1's maps of 8 and 12
channels are no whole blocks, and the product of the FC attention leaves the blocks: by
itself the runtime reorders around both, and upsamples and concatenates outside.
"""

from itertools import pairwise
from typing import TypeVar

from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from .sub_network import FCAttention, SubNetwork, XceptionBlock

BLOCK = 16

M = TypeVar('M', bound=nn.Module)


def fill_channel_blocks(model: M) -> M:
    """Widen the narrow maps of a network's sub-networks by channels of zeros, in place.

    The outputs stay the same. Behind each FC attention a depthwise convolution that
    multiplies by one takes the map back into blocks. Meant for an ONNX export after
    mmcv's ``fuse_conv_bn``; in PyTorch it makes nothing faster.

    Args:
        model: An Xception, a DFANet, or a segmentor with one.

    Raises:
        ValueError: If there is no sub-network in the model, or batch norm in one.
    """
    subnets = [module for module in model.modules() if isinstance(module, SubNetwork)]
    if not subnets:
        raise ValueError(f'{type(model).__name__} has no DFANet or Xception in it')
    for subnet in subnets:
        if any(isinstance(module, _BatchNorm) for module in subnet.modules()):
            raise ValueError(
                'the model has batch norm: call mmcv.cnn.fuse_conv_bn on it first'
            )
        _fill_subnet(subnet)
    return model


def _fill_subnet(subnet: SubNetwork) -> None:
    if subnet.conv1 is not None:
        conv1 = _conv(subnet.conv1)
        _widen(conv1, conv1.in_channels, _whole(conv1.out_channels))
    for module in subnet.modules():
        if isinstance(module, XceptionBlock):
            _fill_block(module)
    attention = subnet.fca
    if isinstance(attention, FCAttention):
        channels = attention.fc.in_features
        times_one = nn.Conv2d(channels, channels, 1, groups=channels, bias=False)
        nn.init.ones_(times_one.weight)
        subnet.add_module(
            'fca', nn.Sequential(attention, times_one.to(attention.fc.weight))
        )


def _fill_block(block: XceptionBlock) -> None:
    """Widen what the block is given, if conv1 gives it, and what it has inside."""
    given = _whole(_convs(block.conv1)[0].in_channels)
    inside = _whole(_convs(block.conv1)[1].out_channels)
    outputs = _convs(block.conv3)[1].out_channels
    widths = (given, inside, inside, outputs)
    for separable, pair in zip(
        (block.conv1, block.conv2, block.conv3), pairwise(widths), strict=True
    ):
        depthwise, pointwise = _convs(separable)
        _widen(depthwise, pair[0], pair[0])
        _widen(pointwise, *pair)
    if not isinstance(block.shortcut, nn.Identity):
        _widen(_conv(block.shortcut), given, outputs)


def _convs(separable: DepthwiseSeparableConvModule) -> tuple[nn.Conv2d, nn.Conv2d]:
    return _conv(separable.depthwise_conv), _conv(separable.pointwise_conv)


def _conv(module: ConvModule) -> nn.Conv2d:
    return module.conv


def _widen(conv: nn.Conv2d, inputs: int, outputs: int) -> None:
    """Give a convolution more channels, whose weights are zero."""
    depthwise = conv.groups > 1
    more_outputs = (0, outputs - conv.out_channels)
    more_inputs = (0, 0 if depthwise else inputs - conv.in_channels)
    weight = functional.pad(conv.weight, (0, 0, 0, 0, *more_inputs, *more_outputs))
    conv.weight = nn.Parameter(weight.detach())
    if conv.bias is not None:
        conv.bias = nn.Parameter(functional.pad(conv.bias, more_outputs).detach())
    conv.in_channels, conv.out_channels = inputs, outputs
    conv.groups = inputs if depthwise else 1


def _whole(channels: int) -> int:
    return -(-channels // BLOCK) * BLOCK
