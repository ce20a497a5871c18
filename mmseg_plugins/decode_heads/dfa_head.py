"""The decode head of DFANet: low and high levels of all sub-networks, added.

Paper: Li, Xiong, Fan, Sun, "DFANet: Deep Feature Aggregation for Real-Time Semantic
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.02216, Fig. 3. There is no code of
the authors. The paper gives neither the kernels and widths of the decoder nor its class
convolution; 1 x 1 and 64 channels fit its cost.

Shapes: N batch, K classes.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.registry import MODELS

from .levels import check_lists, select_levels


@MODELS.register_module()
class DFAHead(BaseDecodeHead):
    """Fuse the low levels, add the high ones, and name the classes.

    Each level goes through a 1 x 1 convolution and is upsampled to the size of the
    first. The sum of the low levels goes through one more; the high ones are added to
    it as they are.

    Args:
        in_channels: Channels of the low levels, then of the high ones; each finest
            first.
        in_index: Where the levels are among the backbone's outputs.
        num_low: How many of them are low; the paper's Table 4 has rows with none.
        channels: Of every convolution before the one of the classes.
        norm_cfg: Of these convolutions.
        dropout_ratio: Of the channels that the class convolution sees, each summand on
            its own; the paper has none.
        **kwargs: See mmseg's ``BaseDecodeHead``.

    Raises:
        ValueError: If ``in_channels`` and ``in_index`` are not lists of one length, or
            ``num_low`` is not from 0 to that length.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        in_index: Sequence[int],
        num_low: int = 3,
        channels: int = 64,
        norm_cfg: dict | None = None,
        dropout_ratio: float = 0.0,
        **kwargs: Any,
    ) -> None:
        _check_levels(in_channels, in_index, num_low)
        super().__init__(
            in_channels=in_channels,
            in_index=in_index,
            input_transform='multiple_select',
            channels=channels,
            norm_cfg=norm_cfg or dict(type='BN'),
            dropout_ratio=dropout_ratio,
            **kwargs,
        )
        self.num_low = num_low
        conv = partial(
            ConvModule,
            out_channels=channels,
            kernel_size=1,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )
        self.low_convs = nn.ModuleList(map(conv, in_channels[:num_low]))
        self.high_convs = nn.ModuleList(map(conv, in_channels[num_low:]))
        self.fusion = conv(channels) if num_low else None

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, H, W), the size of the first."""
        levels = select_levels(self, inputs)
        maps = _apply(self.high_convs, levels[self.num_low :])
        if self.fusion is not None:
            lows = _apply(self.low_convs, levels[: self.num_low])
            maps.insert(0, self.fusion(self._sum(lows)))
        if self.out_channels >= self.channels:
            return self.cls_seg(self._sum(maps))
        # Both steps are linear: classes first leaves fewer channels to upsample.
        first, *others = maps
        return self._sum([self.cls_seg(first), *map(self._unbiased, others)])

    def _unbiased(self, x: Tensor) -> Tensor:
        """Do what ``cls_seg`` does without the bias, which the sum shall have once."""
        if self.dropout is not None:
            x = self.dropout(x)
        return functional.conv2d(x, self.conv_seg.weight)

    def _sum(self, maps: Sequence[Tensor]) -> Tensor:
        """Add maps at the size of the first, which is never resized."""
        total, *others = maps
        size = total.shape[2:]
        for x in others:
            total = total + resize(x, size, None, 'bilinear', self.align_corners)
        return total


def _apply(convs: nn.ModuleList, levels: Sequence[Tensor]) -> list[Tensor]:
    return [conv(level) for conv, level in zip(convs, levels, strict=True)]


def _check_levels(
    in_channels: Sequence[int], in_index: Sequence[int], num_low: int
) -> None:
    check_lists('low ones first', in_channels=in_channels, in_index=in_index)
    if not 0 <= num_low <= len(in_index):
        raise ValueError(
            f'num_low={num_low} must be from 0 to the number of levels, {len(in_index)}'
        )
