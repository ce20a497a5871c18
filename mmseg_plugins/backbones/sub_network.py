"""What DFANet's light Xceptions are made of: blocks, stages and the FC attention.

Paper: Li, Xiong, Fan, Sun, "DFANet: Deep Feature Aggregation for Real-Time Semantic
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.02216, Table 1 and Fig. 3. There is
no code of the authors. Table 1 leaves open where a block strides and what its shortcut
is; the reading here is the one whose cost fits the paper's Table 3 best.

Shapes: N batch, C channels, H and W the size of the map.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmengine.model import BaseModule, kaiming_init
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mmseg_plugins.layers import JoinedConv2d

#: Blocks of enc2, enc3 and enc4 (Table 1).
NUM_BLOCKS = (4, 6, 4)


class XceptionBlock(nn.Module):
    """Separable 3 x 3 convolutions of C / 4, C / 4 and C channels, and a shortcut.

    A separable convolution is depthwise, then pointwise, then normalised; nothing
    stands between the first two. ReLU follows the first two of them and the sum.

    Args:
        in_channels: Channels of the map.
        out_channels: C.
        stride: Of the first convolution. With 2 the shortcut is a 1 x 1 convolution
            of that stride, with 1 the map itself.
        norm_cfg: Of the normalisation.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, norm_cfg: dict
    ) -> None:
        super().__init__()
        mid_channels = out_channels // 4
        separable = partial(_separable_conv, norm_cfg=norm_cfg)
        joined = dict(type=JoinedConv2d) if stride == 2 else None
        self.conv1 = separable(
            in_channels, mid_channels, stride=stride, conv_cfg=joined
        )
        self.conv2 = separable(mid_channels, mid_channels)
        self.conv3 = separable(mid_channels, out_channels, pw_act_cfg=None)
        self.shortcut = (
            nn.Identity()
            if stride == 1
            else ConvModule(
                in_channels,
                out_channels,
                1,
                stride=stride,
                conv_cfg=joined,
                norm_cfg=norm_cfg,
                act_cfg=None,
            )
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor | tuple[Tensor, ...]) -> Tensor:
        """Map (N, C_in, H, W) to (N, C, ceil(H / stride), ceil(W / stride)).

        With stride 2 the channels may come in several maps, as a tuple.
        """
        out = self.conv3(self.conv2(self.conv1(x)))
        return self.relu(out + self.shortcut(x))


class FCAttention(nn.Module):
    """Weight the channels of a map by what a 1000-way classifier sees in it (Fig. 3).

    Global average, fully connected layer, 1 x 1 convolution, product with the map.

    Args:
        channels: C.
        norm_cfg: Of a normalisation after the 1 x 1 convolution instead of its bias.
            The paper shows none, and batch norm would see one value per image.
    """

    def __init__(self, channels: int, norm_cfg: dict | None = None) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, 1000)
        self.conv = ConvModule(1000, channels, 1, norm_cfg=norm_cfg, act_cfg=None)
        # Ours: weights of 1 at the start, since random ones scale and flip channels.
        last = self.conv.norm or self.conv.conv
        nn.init.zeros_(last.weight)
        nn.init.ones_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        classes = self.fc(x.mean((2, 3)))
        return x * self.conv(classes[..., None, None])


class SubNetwork(BaseModule):
    """enc2, enc3 and enc4, each of stride 2, and the FC attention.

    Args:
        in_channels: Of the three stages.
        channels: What the three stages give.
        norm_cfg: Of all convolutions but the attention's.
        conv1: What the input goes through before enc2; None for nothing.
        with_attention: Whether there is an FC attention after enc4.
        attention_norm_cfg: See :class:`FCAttention`.
        norm_eval: Keep batch norm on its running statistics while training.
        with_cp: Recompute enc2 to enc4 in the backward pass instead of keeping their
            insides: less memory, more time.
        init_cfg: See mmengine's ``BaseModule``.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int],
        norm_cfg: dict,
        *,
        conv1: nn.Module | None = None,
        with_attention: bool = True,
        attention_norm_cfg: dict | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.conv1 = conv1
        stage = partial(_stage, norm_cfg=norm_cfg)
        self.enc2, self.enc3, self.enc4 = map(stage, in_channels, channels, NUM_BLOCKS)
        self.fca = (
            FCAttention(channels[-1], attention_norm_cfg) if with_attention else None
        )

    def forward(
        self,
        x: Tensor | tuple[Tensor, ...],
        skip3: Tensor | None = None,
        skip4: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Map (N, C, H, W) to enc2, enc3, enc4 and, if there is one, the attention.

        Args:
            x: Input of conv1 or enc2; for enc2 it may be in several maps.
            skip3: What enc3 sees behind the channels of enc2.
            skip4: What enc4 sees behind the channels of enc3.
        """
        enc2 = self._run(self.enc2, x if self.conv1 is None else self.conv1(x))
        enc3 = self._run(self.enc3, _with(enc2, skip3))
        enc4 = self._run(self.enc4, _with(enc3, skip4))
        levels = (enc2, enc3, enc4)
        return levels if self.fca is None else (*levels, self.fca(enc4))

    def train(self, mode: bool = True) -> 'SubNetwork':
        """Set the mode; with ``norm_eval`` batch norm stays in evaluation."""
        super().train(mode)
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _run(self, stage: nn.Module, x: Tensor | tuple[Tensor, ...]) -> Tensor:
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(stage, x, use_reentrant=False)
        return stage(x)


def _separable_conv(
    in_channels: int, out_channels: int, **kwargs: Any
) -> DepthwiseSeparableConvModule:
    conv = DepthwiseSeparableConvModule(
        in_channels,
        out_channels,
        3,
        padding=1,
        bias=False,
        dw_norm_cfg=None,
        dw_act_cfg=None,
        **kwargs,
    )
    # The host's fan-out of a depthwise kernel counts all channels: far too small, with
    # no normalisation behind it.
    kaiming_init(conv.depthwise_conv.conv, mode='fan_in', nonlinearity='linear')
    return conv


def _stage(
    in_channels: int, channels: int, num_blocks: int, norm_cfg: dict
) -> nn.Sequential:
    widths = [in_channels] + [channels] * num_blocks
    strides = [2] + [1] * (num_blocks - 1)
    return nn.Sequential(
        *[
            XceptionBlock(*pair, stride, norm_cfg)
            for pair, stride in zip(pairwise(widths), strides, strict=True)
        ]
    )


def _with(x: Tensor, skip: Tensor | None) -> Tensor | tuple[Tensor, Tensor]:
    return x if skip is None else (x, skip)
