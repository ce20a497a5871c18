"""The light Xceptions of DFANet, as backbones, and the sub-network of DFANet.

Paper: Li, Xiong, Fan, Sun, "DFANet: Deep Feature Aggregation for Real-Time Semantic
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.02216, Table 1 and Fig. 3. The
authors published no code. Table 1 does not give the place of the stride and the
shortcut of a block; here they are as in the variant whose cost is closest to Table 3.

Shapes: N batch, C channels, H and W the size of the map.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmengine.model import kaiming_init
from torch import Tensor, nn

from mmseg_plugins.layers import zero_last_layer
from mmseg_plugins.registry import MODELS

from .base_backbone import BaseBackbone, run_stage

#: Channels of conv1, and numbers of blocks of enc2, enc3 and enc4 (Table 1).
CONV1_CHANNELS, NUM_BLOCKS = 8, (4, 6, 4)


class XceptionBlock(nn.Module):
    """Separable 3 x 3 convolutions of C / 4, C / 4 and C channels, and a shortcut.

    A separable convolution is depthwise, then pointwise, then normalised. ReLU follows
    the first two convolutions and the sum.

    Args:
        in_channels: Channels of the input.
        out_channels: C.
        stride: Stride of the first convolution. With 2 the shortcut is a 1 x 1
            convolution of that stride, with 1 the identity.
        norm_cfg: Config of the norm layers.
        zero_init_residual: Whether the weight of the last norm starts at zero if the
            shortcut is the identity, so that the block starts as the identity too.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        norm_cfg: dict,
        zero_init_residual: bool = True,
    ) -> None:
        super().__init__()
        width = out_channels // 4
        self.conv1 = _separable_conv(in_channels, width, norm_cfg, stride=stride)
        self.conv2 = _separable_conv(width, width, norm_cfg)
        self.conv3 = _separable_conv(width, out_channels, norm_cfg, pw_act_cfg=None)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = ConvModule(
                in_channels, out_channels, 1, stride, norm_cfg=norm_cfg, act_cfg=None
            )
        elif zero_init_residual:
            zero_last_layer(self.conv3.pointwise_conv)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""
        out = self.conv3(self.conv2(self.conv1(x)))
        return self.relu(out + self.shortcut(x))


class FCAttention(nn.Module):
    """Weight the channels of a map, by way of 1000 classes (Fig. 3).

    Global average pool, fully connected layer, 1 x 1 convolution, product with the map.
    All channels have weight 1 at the start: random weights would scale and flip them.

    Args:
        channels: C.
        norm_cfg: Config of a norm layer that replaces the bias of the 1 x 1
            convolution; the paper shows none.
    """

    def __init__(self, channels: int, norm_cfg: dict | None = None) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, 1000)
        self.conv = ConvModule(1000, channels, 1, norm_cfg=norm_cfg, act_cfg=None)
        last = self.conv.norm or self.conv.conv
        nn.init.zeros_(last.weight)
        nn.init.ones_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        classes = self.fc(x.mean((2, 3)))
        return x * self.conv(classes[..., None, None])


class SubNetwork(nn.Module):
    """The stages enc2, enc3 and enc4, each of stride 2, and the FC attention.

    Args:
        in_channels: Input channels of the three stages.
        channels: Output channels of the three stages.
        norm_cfg: Config of the norm layers of the stages.
        zero_init_residual: See :class:`XceptionBlock`.
        with_attention: Whether there is an FC attention after enc4.
        attention_norm_cfg: See :class:`FCAttention`.
        with_cp: Recompute the stages in the backward pass instead of keeping their
            activations: less memory, more time.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int],
        norm_cfg: dict,
        *,
        zero_init_residual: bool = True,
        with_attention: bool = True,
        attention_norm_cfg: dict | None = None,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        stage = partial(
            _stage, norm_cfg=norm_cfg, zero_init_residual=zero_init_residual
        )
        self.enc2, self.enc3, self.enc4 = map(stage, in_channels, channels, NUM_BLOCKS)
        self.fca: nn.Module = nn.Identity()
        if with_attention:
            self.fca = FCAttention(channels[-1], attention_norm_cfg)

    def forward(
        self, x: Tensor, skip3: Tensor | None = None, skip4: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the outputs of enc2, enc3, enc4 and the attention.

        Args:
            x: (N, C, H, W), the input of enc2.
            skip3: Map that is concatenated to enc2, as input of enc3.
            skip4: Map that is concatenated to enc3, as input of enc4.
        """
        run = partial(run_stage, with_cp=self.with_cp)
        enc2 = run(self.enc2, x)
        enc3 = run(self.enc3, _concatenate(enc2, skip3))
        enc4 = run(self.enc4, _concatenate(enc3, skip4))
        return enc2, enc3, enc4, self.fca(enc4)


class Xception(BaseBackbone):
    """The base class of :class:`XceptionA` and :class:`XceptionB`.

    Args:
        in_channels: Channels of the image; see :func:`fit_input_channels`.
        out_indices: Outputs in ascending order: 0 to 2 are enc2 to enc4 (strides 4, 8,
            16), 3 is the FC attention on enc4, which exists only if it is an output. A
            classifier takes (2,) and has its own fully connected layer.
        frozen_stages: Stages up to this one neither train nor update their batch norm:
            1 is conv1, 2 to 4 are enc2 to enc4; -1 or 0 for none.
        norm_cfg: Config of all norm layers except those of the attention.
        norm_eval: Keep batch norm on its running statistics while training.
        init_cfg: See mmengine's ``BaseModule``.
        **kwargs: ``zero_init_residual``, ``attention_norm_cfg`` and ``with_cp`` of
            :class:`SubNetwork`.

    Raises:
        ValueError: If ``out_indices`` or ``frozen_stages`` is out of its range.
    """

    channels: tuple[int, int, int]

    def __init__(
        self,
        *,
        in_channels: int = 3,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        norm_cfg: dict | None = None,
        norm_eval: bool = False,
        init_cfg: dict | list[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        _check_out_indices(out_indices)
        stages = [['conv1'], ['subnet.enc2'], ['subnet.enc3'], ['subnet.enc4']]
        super().__init__(stages, in_channels, frozen_stages, norm_eval, init_cfg)
        norm_cfg = norm_cfg or dict(type='BN')
        self.out_indices = tuple(out_indices)
        self.conv1 = make_conv1(in_channels, norm_cfg)
        widths = (CONV1_CHANNELS, *self.channels[:2])
        self.subnet = SubNetwork(
            widths, self.channels, norm_cfg, with_attention=3 in out_indices, **kwargs
        )
        self._freeze_stages()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (N, C, H, W) to the chosen outputs, each of ceil(H / stride) rows."""
        outputs = self.subnet(self.conv1(x))
        return tuple(outputs[i] for i in self.out_indices)


@MODELS.register_module()
class XceptionA(Xception):
    """Xception A of Table 1: 48, 96 and 192 channels. See :class:`Xception`."""

    channels = (48, 96, 192)


@MODELS.register_module()
class XceptionB(Xception):
    """Xception B of Table 1: 32, 64 and 128 channels. See :class:`Xception`."""

    channels = (32, 64, 128)


def make_conv1(in_channels: int, norm_cfg: dict) -> ConvModule:
    """Make the convolution of stride 2 that takes the image."""
    return ConvModule(
        in_channels, CONV1_CHANNELS, 3, stride=2, padding=1, norm_cfg=norm_cfg
    )


def _stage(
    in_channels: int, channels: int, num_blocks: int, **kwargs: Any
) -> nn.Sequential:
    first = XceptionBlock(in_channels, channels, 2, **kwargs)
    others = (
        XceptionBlock(channels, channels, 1, **kwargs) for _ in range(num_blocks - 1)
    )
    return nn.Sequential(first, *others)


def _separable_conv(
    in_channels: int, out_channels: int, norm_cfg: dict, **kwargs: Any
) -> DepthwiseSeparableConvModule:
    conv = DepthwiseSeparableConvModule(
        in_channels,
        out_channels,
        3,
        padding=1,
        bias=False,
        norm_cfg=norm_cfg,
        dw_norm_cfg=None,
        dw_act_cfg=None,
        **kwargs,
    )
    # mmcv counts all channels of a depthwise kernel as fan-out: the weights would be
    # far too small, as no norm follows.
    kaiming_init(conv.depthwise_conv.conv, mode='fan_in', nonlinearity='linear')
    return conv


def _concatenate(x: Tensor, skip: Tensor | None) -> Tensor:
    return x if skip is None else torch.cat([x, skip], 1)


def _check_out_indices(out_indices: Sequence[int]) -> None:
    listed = isinstance(out_indices, (list, tuple))
    if not listed or list(out_indices) != sorted({*out_indices} & {0, 1, 2, 3}):
        raise ValueError(
            f'out_indices={out_indices}: must be a list in ascending order, from 0 to '
            '3, such as (0, 3)'
        )
    if not {2, 3} & {*out_indices}:
        raise ValueError(
            f'out_indices={out_indices}: must end with 2 or 3, or enc4 would be unused'
        )
