"""The decode head of FCN: scores at several strides, summed from coarse to fine.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 4.2 and Fig. 3.

Shapes: N batch, K classes, H and W the size of the image.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from mmseg_plugins.layers import crop, upsample
from mmseg_plugins.registry import MODELS


@MODELS.register_module()
class FCNSkipHead(BaseDecodeHead):
    """Score each level with a 1 x 1 convolution and add them, coarse to fine.

    One level is FCN-32s, two are FCN-16s, three are FCN-8s; more are possible. The
    coarsest level is scored by the host's ``conv_seg`` (the paper's ``score_fr``), a
    skip of stride 2 ** k by ``score_pool{k}``, so that a finer net takes over the
    weights of a coarser one with ``load_from`` alone.

    Args:
        in_channels: Channels of the levels, finest first.
        in_index: Where the levels are among the backbone's outputs.
        strides: Pixels of the image per cell of each level: ascending powers of two.
        channels: Left out, or the channels of the coarsest level.
        dropout_ratio: Of the coarsest level; 0 because FCN's backbone has its own.
        init_cfg: Zero scores by default, as the authors' (Caffe's default filler).
        **kwargs: See mmseg's ``BaseDecodeHead``.

    Raises:
        ValueError: If the lists differ in length, ``strides`` are not ascending powers
            of two, an index is negative, ``channels`` is not the coarsest level's, or
            ``align_corners`` is true.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        in_index: Sequence[int],
        num_classes: int,
        strides: Sequence[int] = (8, 16, 32),
        channels: int | None = None,
        dropout_ratio: float = 0.0,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        _check_levels(in_channels, in_index, strides)
        if channels not in (None, in_channels[-1]):
            raise ValueError(
                f'channels={channels}, but the coarsest level has {in_channels[-1]}: '
                'leave channels out'
            )
        if kwargs.get('align_corners'):
            raise ValueError(
                'align_corners=True does not fit the grid of the pools: leave it False'
            )
        super().__init__(
            in_channels=in_channels,
            in_index=in_index,
            channels=in_channels[-1],
            num_classes=num_classes,
            input_transform='multiple_select',
            dropout_ratio=dropout_ratio,
            init_cfg=init_cfg or dict(type='Constant', val=0, layer='Conv2d'),
            **kwargs,
        )
        self.strides = tuple(strides)
        for stride, width in zip(self.strides[:-1], in_channels[:-1], strict=True):
            self.add_module(_score_name(stride), nn.Conv2d(width, self.out_channels, 1))

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, >= H, >= W).

        The logits cover whole cells of the finest level; what lies beyond the image,
        at the bottom and right, is cut off by ``loss`` and ``predict``.
        """
        *skips, coarsest = self._transform_inputs(inputs)
        score = self.cls_seg(coarsest)
        stride = self.strides[-1]
        for skip, skip_stride in zip(skips[::-1], self.strides[-2::-1], strict=True):
            skip_score = getattr(self, _score_name(skip_stride))(skip)
            score = upsample(score, stride // skip_stride)
            score = crop(score, skip_score.shape[2:]) + skip_score
            stride = skip_stride
        return upsample(score, stride)

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        """Compute the host's losses on logits cut to the size of the labels."""
        size = batch_data_samples[0].gt_sem_seg.shape[-2:]
        return super().loss_by_feat(crop(seg_logits, size), batch_data_samples)

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list) -> Tensor:
        """Cut logits to (N, K, H, W), the size of the padded image or slide window."""
        meta = batch_img_metas[0]
        size = meta['img_shape']
        if not isinstance(size, torch.Size):  # a slide window's size comes as one
            size = meta.get('pad_shape', size)
        return crop(seg_logits, size[:2])


def _score_name(stride: int) -> str:
    return f'score_pool{stride.bit_length() - 1}'


def _check_levels(
    in_channels: Sequence[int], in_index: Sequence[int], strides: Sequence[int]
) -> None:
    lists = {'in_channels': in_channels, 'in_index': in_index, 'strides': strides}
    for name, value in lists.items():
        if not isinstance(value, (list, tuple)) or not value:
            raise ValueError(
                f'{name}={value!r} must be a list with one entry per level'
            )
    if len({len(value) for value in lists.values()}) > 1:
        raise ValueError(
            f'in_channels={in_channels}, in_index={in_index} and strides={strides} '
            'must have the same length: one entry per level, finest first'
        )
    if min(in_index) < 0:
        raise ValueError(
            f'in_index={in_index} must not be negative: count the outputs of the '
            'backbone from 0'
        )
    if list(strides) != sorted({s for s in strides if s > 0 and s & (s - 1) == 0}):
        raise ValueError(
            f'strides={strides} must be powers of two in ascending order, such as '
            '[8, 16, 32]: list the levels finest first'
        )
