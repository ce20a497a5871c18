"""The decode head of FCN: scores at several strides, summed from coarse to fine.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 4.2 and Fig. 3.
Code:  shelhamer/fcn.berkeleyvision.org, voc-fcn8s/net.py, BSD-2: ``align='pad100'``.

Shapes: N batch, K classes, H and W the size of the image.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from torch import Tensor, nn

from mmseg_plugins.layers import (
    BilinearDeconv,
    Interpolation,
    crop,
    crop_offsets,
    deconv_kernel_size,
    stride_steps,
)
from mmseg_plugins.registry import MODELS

from .levels import check_lists, select_levels

ALIGNMENTS = ('exact', 'resize', 'pad100')
UPSAMPLING = ('bilinear', 'deconv', 'learned')


@MODELS.register_module()
class FCNSkipHead(BaseDecodeHead):
    """Score each level with a 1 x 1 convolution and add them, coarse to fine.

    One level is FCN-32s, two are FCN-16s, three are FCN-8s; more are possible. The
    coarsest level is scored by the host's ``conv_seg`` (the paper's ``score_fr``), a
    skip of stride 2 ** k by ``score_pool{k}``, so that a finer net takes over the
    weights of a coarser one with ``load_from`` alone.

    How a coarse map meets a finer one, and at last the image:

    - ``exact``: enlarge by the ratio of the strides, cut what is too much at the bottom
      and right. Cells stay where ceil-rounded pools put them, at any image size.
    - ``resize``: stretch to the finer map's size, as the host's heads do. Exact only
      where the image is a multiple of the coarsest stride.
    - ``pad100``: the authors' network, for a backbone that pads the image by 100:
      unpadded deconvolutions, and crops at the offsets that follow from ``centre``.

    Args:
        in_channels: Channels of the levels, finest first.
        in_index: Where the levels are among the backbone's outputs.
        strides: Pixels of the image per cell of each level: ascending powers of two.
        align: ``'exact'``, ``'resize'`` or ``'pad100'``.
        upsample: ``'bilinear'`` interpolation; ``'deconv'``, a fixed transposed
            convolution; or ``'learned'``, one that is trained from bilinear on.
            ``resize`` has the first only, and ``pad100`` takes it for the second.
        skip_scales: What each skip is multiplied by before its score, finest first;
            (0.0001, 0.01) in the authors' FCN-8s trained at once.
        centre: With ``pad100``, the pixel at the centre of the coarsest level's first
            cell: 12.5 for VGG, 13 for AlexNet.
        channels: Left out, or the channels of the coarsest level.
        dropout_ratio: Of the coarsest level; 0 because FCN's backbone has its own.
        init_cfg: Zero scores by default, as the authors' (Caffe's default filler).
        **kwargs: See mmseg's ``BaseDecodeHead``; ``align_corners`` only with
            ``resize``.

    Raises:
        ValueError: If the lists do not fit one another, ``strides`` are not ascending
            powers of two, an index is negative, a mode is unknown or does not go with
            another, or ``channels`` is not the coarsest level's.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        in_index: Sequence[int],
        num_classes: int,
        strides: Sequence[int] = (8, 16, 32),
        align: Literal['exact', 'resize', 'pad100'] = 'exact',
        upsample: Literal['bilinear', 'deconv', 'learned'] = 'bilinear',
        skip_scales: Sequence[float] | None = None,
        centre: float = 12.5,
        channels: int | None = None,
        dropout_ratio: float = 0.0,
        align_corners: bool = False,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        _check_levels(in_channels, in_index, strides)
        _check_modes(align, upsample, align_corners)
        if channels not in (None, in_channels[-1]):
            raise ValueError(
                f'channels={channels}, but the coarsest level has {in_channels[-1]}: '
                'leave channels out'
            )
        super().__init__(
            in_channels=in_channels,
            in_index=in_index,
            channels=in_channels[-1],
            num_classes=num_classes,
            input_transform='multiple_select',
            dropout_ratio=dropout_ratio,
            align_corners=align_corners,
            init_cfg=init_cfg or dict(type='Constant', val=0, layer='Conv2d'),
            **kwargs,
        )
        self.strides = tuple(strides)
        self.skip_scales = _check_scales(skip_scales, len(strides) - 1)
        self.align = align
        self.offsets = crop_offsets(strides, centre) if align == 'pad100' else {1: 0}
        for stride, width in zip(strides[:-1], in_channels[:-1], strict=True):
            self.add_module(_score(stride), nn.Conv2d(width, self.out_channels, 1))
        if align != 'resize':
            self._add_upsampling(upsample, centre)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, ...).

        With ``resize`` they have the finest level's size, as a host's head's. Else they
        are at the scale of the image and larger than it: ``loss`` and ``predict`` cut
        them to H x W.

        Raises:
            ValueError: If a level has other channels or cells than was told.
        """
        *skips, coarsest = select_levels(self, inputs)
        score = self.cls_seg(coarsest)
        source = self.strides[-1]
        for target in self.strides[-2::-1]:
            scale, skip = self.skip_scales[len(skips) - 1], skips.pop()
            skip = getattr(self, _score(target))(skip if scale == 1 else skip * scale)
            score = self._add_skip(score, skip, source, target)
            source = target
        return score if self.align == 'resize' else self._enlarge(score, source, 1)

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        """Compute the host's losses on logits of the labels' size."""
        size = batch_data_samples[0].gt_sem_seg.shape[-2:]
        return super().loss_by_feat(self._cut(seg_logits, size), batch_data_samples)

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list) -> Tensor:
        """Bring logits to the size of the padded image or of the slide window."""
        meta = batch_img_metas[0]
        size = meta['img_shape']
        if not isinstance(size, torch.Size):  # a slide window's size comes as one
            size = meta.get('pad_shape', size)
        return super().predict_by_feat(self._cut(seg_logits, size[:2]), batch_img_metas)

    def _add_upsampling(self, upsample: str, centre: float) -> None:
        deconv = partial(
            BilinearDeconv, self.out_channels, learned=upsample == 'learned'
        )
        for source, target in stride_steps(self.strides):
            scale = source // target
            layer: nn.Module
            if scale == 1:  # the finest level is the image's size
                layer = nn.Identity()
            elif self.align == 'exact' and upsample == 'bilinear':
                layer = Interpolation(scale)
            elif self.align == 'exact':
                size, padding = 2 * scale, scale // 2
                layer = deconv(scale, kernel_size=size, padding=padding)
            else:
                size = deconv_kernel_size(scale, centre)
                layer = deconv(scale, kernel_size=size, padding=0)
            self.add_module(_upscore(source, target), layer)

    def _enlarge(self, score: Tensor, source: int, target: int) -> Tensor:
        return getattr(self, _upscore(source, target))(score)

    def _add_skip(
        self, score: Tensor, skip: Tensor, source: int, target: int
    ) -> Tensor:
        if self.align == 'resize':
            size = skip.shape[2:]
            return resize(score, size, None, 'bilinear', self.align_corners) + skip
        score = self._enlarge(score, source, target)
        if self.align == 'exact':
            return self._trim(score, skip.shape[2:], source // target) + skip
        return score + crop(skip, score.shape[2:], self.offsets[target])

    def _cut(self, seg_logits: Tensor, size: Sequence[int]) -> Tensor:
        if self.align == 'resize':
            return seg_logits
        if self.align == 'exact':
            return self._trim(seg_logits, size, self.strides[0])
        return crop(seg_logits, size, self.offsets[1])

    def _trim(self, x: Tensor, size: Sequence[int], scale: int) -> Tensor:
        # Comparing sizes would pin them where torch.export keeps them symbolic.
        if not torch.compiler.is_compiling():
            surplus = [x.shape[2] - size[0], x.shape[3] - size[1]]
            if min(surplus) < 0 or max(surplus) >= scale:
                raise ValueError(
                    f'decode_head.strides={self.strides} do not fit the backbone: '
                    f'enlarged {scale} times, a level has {tuple(x.shape[2:])} cells, '
                    f"the finer one {tuple(size)}: give the levels' real strides, or "
                    "align='resize' for a backbone that rounds sizes down"
                )
        return crop(x, size)


def _score(stride: int) -> str:
    return f'score_pool{stride.bit_length() - 1}'


def _upscore(source: int, target: int) -> str:
    return (
        f'upscore{source}' if target == 1 else f'upscore_pool{source.bit_length() - 1}'
    )


def _check_scales(
    skip_scales: Sequence[float] | None, num_skips: int
) -> tuple[float, ...]:
    scales = (1.0,) * num_skips if skip_scales is None else tuple(skip_scales)
    if len(scales) != num_skips:
        raise ValueError(
            f'skip_scales={skip_scales} must have {num_skips} entries, one per skip, '
            'finest first'
        )
    return scales


def _check_modes(align: str, upsample: str, align_corners: bool) -> None:
    if align not in ALIGNMENTS:
        raise ValueError(f'align={align!r} is none of {", ".join(ALIGNMENTS)}')
    if upsample not in UPSAMPLING:
        raise ValueError(f'upsample={upsample!r} is none of {", ".join(UPSAMPLING)}')
    if align == 'resize' and upsample != 'bilinear':
        raise ValueError(
            f"upsample={upsample!r} enlarges by whole factors, align='resize' does "
            "not: use align='exact', or upsample='bilinear'"
        )
    if align_corners and align != 'resize':
        raise ValueError(
            f'align_corners=True does not fit the grid of align={align!r}: leave it '
            "False, or use align='resize'"
        )


def _check_levels(
    in_channels: Sequence[int], in_index: Sequence[int], strides: Sequence[int]
) -> None:
    check_lists(
        'finest first', in_channels=in_channels, in_index=in_index, strides=strides
    )
    if min(in_index) < 0:
        raise ValueError(
            f'in_index={in_index} must not be negative: count the outputs of the '
            'backbone from 0'
        )
    if list(strides) != sorted({s for s in strides if s > 0 and s & (s - 1) == 0}):
        raise ValueError(
            f'strides={strides} must be powers of two in ascending order, such as '
            '[8, 16, 32]: list one level per stride, finest first; of levels with the '
            'same stride take the last'
        )
