"""The decode head of SPNet: mixed pooling modules over reduced features.

Paper: Hou et al., "Strip Pooling: Rethinking Spatial Pooling for Scene Parsing", CVPR
2020, https://arxiv.org/abs/2003.13328, Sec. 3.3.
Code:  houqb/SPNet, models/spnet.py, MIT and non-commercial.

Shapes: N batch, K classes, H and W the size of the feature map.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mmcv.cnn import ConvModule
from torch import Tensor, nn

from mmseg_plugins.layers import MixedPooling
from mmseg_plugins.registry import MODELS

from .level_checks import CheckedDecodeHead


@MODELS.register_module()
class StripPoolingHead(CheckedDecodeHead):
    """Reduce a map, apply mixed pooling modules, and classify each cell.

    Args:
        in_channels: Channels of the input level; a list of channels with
            ``input_transform='resize_concat'``.
        channels: Channels of the 3 x 3 convolution before the classifier.
        reduce_channels: Channels of the map that the modules see.
        num_modules: Number of mixed pooling modules in a row; 2 in the paper, 0 for its
            baseline.
        pool_sizes: Output sizes of each module's square pools.
        zero_init_residual: Whether the modules start as the identity.
        align_corners: ``align_corners`` of all interpolations.
        **kwargs: See mmseg's ``BaseDecodeHead``.

    Raises:
        ValueError: If ``num_modules`` is negative, a pool size is less than 1,
            ``reduce_channels`` is less than 4, or ``input_transform`` selects several
            maps.
    """

    def __init__(
        self,
        *,
        in_channels: int | Sequence[int],
        channels: int = 512,
        reduce_channels: int = 1024,
        num_modules: int = 2,
        pool_sizes: Sequence[int] = (20, 12),
        zero_init_residual: bool = True,
        align_corners: bool = True,
        **kwargs: Any,
    ) -> None:
        if num_modules < 0:
            raise ValueError(f'num_modules={num_modules}: must be at least 0')
        if kwargs.get('input_transform') == 'multiple_select':
            raise ValueError(
                "input_transform='multiple_select': this head takes one map; use "
                "'resize_concat' to concatenate several levels"
            )
        if reduce_channels < 4:
            raise ValueError(f'reduce_channels={reduce_channels}: must be at least 4')
        super().__init__(
            in_channels=in_channels,
            channels=channels,
            align_corners=align_corners,
            **kwargs,
        )
        cfgs = dict(conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg)
        conv = partial(ConvModule, act_cfg=self.act_cfg, **cfgs)
        mpm = partial(
            MixedPooling,
            reduce_channels,
            pool_sizes,
            align_corners=align_corners,
            zero_init_residual=zero_init_residual,
            **cfgs,
        )
        self.reduction = conv(self.in_channels, reduce_channels, 1)
        self.mpms = nn.Sequential(*(mpm() for _ in range(num_modules)))
        self.bottleneck = conv(reduce_channels, channels, 3, padding=1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, H, W)."""
        x = self.reduction(self._transform_inputs(inputs))
        return self.cls_seg(self.bottleneck(self.mpms(x)))
