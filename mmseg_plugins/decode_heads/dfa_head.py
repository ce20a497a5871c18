"""The decode head of DFANet: low and high levels of all sub-networks, added.

Paper: Li, Xiong, Fan, Sun, "DFANet: Deep Feature Aggregation for Real-Time Semantic
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.02216, Fig. 3. The authors
published no code. The paper does not give the kernels and widths of the decoder; 1 x 1
and 64 channels fit its cost.

Shapes: N batch, K classes.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mmcv.cnn import ConvModule
from mmseg.models.utils import resize
from torch import Tensor, nn

from mmseg_plugins.registry import MODELS

from .level_checks import MultiLevelHead, check_lists

#: Default norm layers; None is a choice, no norm layers.
BN = dict(type='BN')


@MODELS.register_module()
class DFAHead(MultiLevelHead):
    """Fuse the low levels, add the high levels, and classify each cell.

    Each level goes through a 1 x 1 convolution and is upsampled to the size of the
    first. The sum of the low levels goes through one more; the high levels are added to
    its output.

    Args:
        in_channels: Channels of the low levels, then of the high levels, each finest
            first.
        in_index: Indices of the levels among the backbone's outputs.
        num_low: Number of low levels; 0 in some rows of the paper's Table 4.
        channels: Channels of all convolutions before the classifier.
        norm_cfg: Config of the norm layers of these convolutions; batch norm by
            default, None for none.
        dropout_ratio: Dropout before the classifier; none in the paper.
        **kwargs: See mmseg's ``BaseDecodeHead``.

    Raises:
        ValueError: If the lists differ in length, or ``num_low`` exceeds it.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        in_index: Sequence[int],
        num_low: int = 3,
        channels: int = 64,
        norm_cfg: dict | None = BN,
        dropout_ratio: float = 0.0,
        **kwargs: Any,
    ) -> None:
        check_lists('low levels first', in_channels=in_channels, in_index=in_index)
        if not 0 <= num_low <= len(in_index):
            raise ValueError(f'num_low={num_low}: must be from 0 to {len(in_index)}')
        super().__init__(
            in_channels=in_channels,
            in_index=in_index,
            channels=channels,
            norm_cfg=norm_cfg,
            dropout_ratio=dropout_ratio,
            **kwargs,
        )
        self.num_low = num_low
        conv = partial(
            ConvModule, out_channels=channels, kernel_size=1, **self.layer_cfgs
        )
        self.low_convs = nn.ModuleList(map(conv, in_channels[:num_low]))
        self.high_convs = nn.ModuleList(map(conv, in_channels[num_low:]))
        self.fusion = conv(channels) if num_low else None

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, H, W), the size of the first."""
        levels = self._transform_inputs(inputs)
        lows, highs = levels[: self.num_low], levels[self.num_low :]
        maps = [conv(x) for conv, x in zip(self.high_convs, highs, strict=True)]
        if self.fusion is not None:
            lows = [conv(x) for conv, x in zip(self.low_convs, lows, strict=True)]
            maps.insert(0, self.fusion(self._sum(lows)))
        return self.cls_seg(self._sum(maps))

    def _sum(self, maps: Sequence[Tensor]) -> Tensor:
        """Add maps at the size of the first."""
        total, *others = maps
        size = total.shape[2:]
        for x in others:
            total = total + resize(x, size, None, 'bilinear', self.align_corners, False)
        return total
