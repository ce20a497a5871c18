"""The decode head of SPNet: mixed pooling modules over reduced features.

Paper: Hou et al., "Strip Pooling: Rethinking Spatial Pooling for Scene Parsing", CVPR
2020, https://arxiv.org/abs/2003.13328, Sec. 3.3.
Code:  houqb/SPNet, models/spnet.py, MIT and non-commercial.

Shapes: N batch, K classes, H and W the size of the feature map.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from torch import Tensor, nn

from mmseg_plugins.layers import FoldingConvModule, MixedPooling
from mmseg_plugins.registry import MODELS

from .levels import select_levels


@MODELS.register_module()
class StripPoolingHead(BaseDecodeHead):
    """Reduce a map, pass it through mixed pooling modules, and classify each cell.

    Args:
        in_channels: Channels of the backbone's level; any backbone will do.
        channels: Of the 3 x 3 convolution before the classifier.
        reduce_channels: Of the map that the modules see.
        num_modules: Mixed pooling modules, one after the other; 2 in the paper, 0 for
            its baseline.
        pool_sizes: Rows and columns of each module's square pools.
        align_corners: Of every enlargement, also that of the logits.
        **kwargs: See mmseg's ``BaseDecodeHead``.

    Raises:
        ValueError: If ``num_modules`` is less than 0, ``pool_sizes`` has one less than
            1, or ``reduce_channels`` is less than 4.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int = 512,
        reduce_channels: int = 1024,
        num_modules: int = 2,
        pool_sizes: Sequence[int] = (20, 12),
        align_corners: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            channels=channels,
            align_corners=align_corners,
            **kwargs,
        )
        if num_modules < 0:
            raise ValueError(f'num_modules={num_modules} must be at least 0')
        cfgs = dict(conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg)
        conv = partial(FoldingConvModule, act_cfg=self.act_cfg, **cfgs)
        self.reduction = conv(in_channels, reduce_channels, 1)
        self.mpms = nn.Sequential(
            *(
                MixedPooling(
                    reduce_channels, pool_sizes, align_corners=align_corners, **cfgs
                )
                for _ in range(num_modules)
            )
        )
        self.bottleneck = conv(reduce_channels, channels, 3, padding=1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, H, W)."""
        x = self.reduction(select_levels(self, inputs))
        return self.cls_seg(self.bottleneck(self.mpms(x)))

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list) -> Tensor:
        """Enlarge logits to the padded image or to the slide window."""
        meta = batch_img_metas[0]
        size = meta['img_shape']
        if not isinstance(size, torch.Size):  # a slide window's size comes as one
            size = meta.get('pad_shape', size)
        # The host's warning about aligned corners reads the sizes: it pins them in
        # exported graphs, and breaks compiled ones.
        return resize(
            seg_logits, size[:2], None, 'bilinear', self.align_corners, warning=False
        )
