"""The decode head of FCN: scores at several strides, added from coarse to fine.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 4.2 and Fig. 3.
Code:  shelhamer/fcn.berkeleyvision.org, voc-fcn8s/net.py, BSD-2; differs here in: the
padding of the image, for which see ``FCNPad100Head``.

Shapes: N batch, K classes, H and W the size of the image.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mmseg_plugins.layers import BilinearUpsample, LearnedUpsample
from mmseg_plugins.registry import MODELS

from .level_checks import MultiLevelHead, check_lists, image_size


@MODELS.register_module()
class FCNSkipHead(MultiLevelHead):
    """Score each level with a 1 x 1 convolution and add the scores, coarse to fine.

    One level is FCN-32s, two are FCN-16s, three are FCN-8s; more are possible. The
    coarsest level is scored by ``conv_seg`` (the paper's ``score_fr``), a skip of
    stride 2 ** k by ``score_pool{k}``, of another stride s by ``score_stride{s}``. A
    finer net can therefore start from the weights of a coarser one with ``load_from``
    alone. The scores of levels of one stride, as of a plain ViT, are added: one
    convolution scores their concatenation.

    If a level has ceil(H / stride) rows and ceil(W / stride) columns, its score is
    upsampled by the ratio of the strides and the surplus is cut, which is exact at
    every image size. Other levels are resized, as in mmseg's heads.

    Args:
        in_channels: Channels of the levels, finest first.
        in_index: Indices of the levels among the backbone's outputs.
        num_classes: K.
        strides: Strides of the levels in pixels, finest first, each a multiple of the
            one before. A ViT of patch size 14 has [14], with four levels [14] * 4.
        upsample: ``'bilinear'`` interpolation, or ``'learned'``: transposed
            convolutions that are trained, starting as bilinear upsampling.
        skip_scales: Factors of the skips before their scores, finest first; None for 1.
            (0.0001, 0.01) in the authors' FCN-8s that is trained at once. Converted
            weights already contain them.
        channels: Can be left out; the channels of the levels of the coarsest stride.
        dropout_ratio: Dropout of the coarsest level; FCN's backbone has its own.
        align_corners: Always resize, with aligned corners: for backbones that centre
            cell i of a stride-s map at pixel s * i, and images of 32 * n + 1 pixels.
        init_cfg: All scores start at 0 by default, as the authors' do.
        **kwargs: See mmseg's ``BaseDecodeHead``.

    Raises:
        ValueError: If an argument is out of its range or does not fit another.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        in_index: Sequence[int],
        num_classes: int,
        strides: Sequence[int] = (8, 16, 32),
        upsample: Literal['bilinear', 'learned'] = 'bilinear',
        skip_scales: Sequence[float] | None = None,
        channels: int | None = None,
        dropout_ratio: float = 0.0,
        align_corners: bool = False,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        _check_levels(in_channels, in_index, strides)
        if upsample not in ('bilinear', 'learned'):
            raise ValueError(f"upsample={upsample!r}: must be 'bilinear' or 'learned'")
        if align_corners and upsample == 'learned':
            raise ValueError("align_corners=True: only with upsample='bilinear'")
        ratios = {source // target for source, target in stride_steps(strides)}
        if upsample == 'learned' and any(x % 2 for x in ratios - {1}):
            raise ValueError(
                f"strides={strides}: need even ratios with upsample='learned'; use "
                "upsample='bilinear'"
            )
        widths = dict.fromkeys(strides, 0)  # channels by stride
        for stride, width in zip(strides, in_channels, strict=True):
            widths[stride] += width
        coarsest = widths[strides[-1]]
        if channels not in (None, coarsest):
            raise ValueError(
                f'channels={channels}: must be left out, or be {coarsest} as in the '
                'coarsest level'
            )
        num_skips = len(widths) - 1
        scales = (1.0,) * num_skips if skip_scales is None else skip_scales
        if not isinstance(scales, (list, tuple)) or len(scales) != num_skips:
            raise ValueError(
                f'skip_scales={skip_scales}: must have {num_skips} entries, one per '
                'skip, finest first'
            )
        super().__init__(
            in_channels=in_channels,
            in_index=in_index,
            channels=coarsest,
            num_classes=num_classes,
            dropout_ratio=dropout_ratio,
            align_corners=align_corners,
            init_cfg=init_cfg or dict(type='Constant', val=0, layer='Conv2d'),
            **kwargs,
        )
        self.level_strides = tuple(strides)
        self.strides = tuple(widths)  # each once
        self.skip_scales = tuple(scales)
        for stride in self.strides[:-1]:
            score = nn.Conv2d(widths[stride], self.out_channels, 1)
            self.add_module(score_name(stride), score)
        for source, target in stride_steps(self.strides):
            layer = self._make_upsampling(source // target, upsample == 'learned')
            self.add_module(upscore_name(source, target), layer)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, ...) of the finest level's size.

        ``loss`` and ``predict`` upsample them to the image.
        """
        *skips, coarsest = self._join_levels(self._transform_inputs(inputs))
        score = self.cls_seg(coarsest)
        steps = stride_steps(self.strides)[:-1]
        coarse_to_fine = zip(skips[::-1], self.skip_scales[::-1], strict=True)
        for (source, target), (skip, scale) in zip(steps, coarse_to_fine, strict=True):
            skip = skip if scale == 1 else skip * scale
            skip = self.get_submodule(score_name(target))(skip)
            score = self._upsample_and_add(score, skip, source, target)
        return score

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        """Upsample the logits to the labels, then compute mmseg's losses."""
        size = batch_data_samples[0].gt_sem_seg.shape[-2:]
        seg_logits = self._to_image(seg_logits, size)
        return super().loss_by_feat(seg_logits, batch_data_samples)

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list) -> Tensor:
        """Upsample logits to the size of the padded image or of the sliding window."""
        return self._to_image(seg_logits, image_size(batch_img_metas))

    def _join_levels(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Concatenate the levels of each stride."""
        joined = []
        for stride in self.strides:
            pairs = zip(levels, self.level_strides, strict=True)
            parts = [level for level, level_stride in pairs if level_stride == stride]
            if len(parts) > 1 and len({part.shape[2:] for part in parts}) > 1:
                sizes = ', '.join(str(tuple(part.shape[2:])) for part in parts)
                raise ValueError(
                    f'strides={list(self.level_strides)}: the levels of stride '
                    f'{stride} have the sizes {sizes}: give their own strides'
                )
            joined.append(torch.cat(parts, 1) if len(parts) > 1 else parts[0])
        return joined

    def _make_upsampling(self, scale: int, learned: bool) -> nn.Module:
        if learned and scale > 1:
            return LearnedUpsample(self.out_channels, scale)
        return BilinearUpsample(scale, self.align_corners)

    def _upsample_and_add(
        self, score: Tensor, skip: Tensor, source: int, target: int
    ) -> Tensor:
        """Upsample a score from stride ``source`` to ``target`` and add the skip."""
        upscore = self.get_submodule(upscore_name(source, target))
        return upscore(score, skip.shape[2:]) + skip

    def _to_image(self, seg_logits: Tensor, size: Sequence[int]) -> Tensor:
        return self.get_submodule(upscore_name(self.strides[0], 1))(seg_logits, size)


def stride_steps(strides: Sequence[int]) -> list[tuple[int, int]]:
    """Pair each stride with the next finer one: [8, 16] gives [(16, 8), (8, 1)]."""
    return list(pairwise([*strides[::-1], 1]))


def score_name(stride: int) -> str:
    """Return the paper's name of the score of a stride, such as ``score_pool4``."""
    return f'score_{_level_name(stride)}'


def upscore_name(source: int, target: int) -> str:
    """Return the authors' name of the upsampling between two strides."""
    return f'upscore{source}' if target == 1 else f'upscore_{_level_name(source)}'


def _level_name(stride: int) -> str:
    """Return the name of the pool that gives a stride of 2 ** k, for others our own."""
    is_power = stride.bit_count() == 1
    return f'pool{stride.bit_length() - 1}' if is_power else f'stride{stride}'


def _check_levels(
    in_channels: Sequence[int], in_index: Sequence[int], strides: Sequence[int]
) -> None:
    check_lists(
        'finest first', in_channels=in_channels, in_index=in_index, strides=strides
    )
    if min(in_index) < 0:
        raise ValueError(
            f'in_index={in_index}: must not be negative; count outputs from 0'
        )
    are_positive = all(isinstance(stride, int) and stride > 0 for stride in strides)
    if not are_positive or any(b % a for a, b in pairwise(strides)):
        raise ValueError(
            f'strides={strides}: must be positive integers, finest first, each equal '
            'to the one before or a multiple of it, such as [8, 16, 32]. All levels of '
            'a plain ViT have its patch size as stride, such as [16, 16, 16, 16]. '
            'Where Feature2Pyramid changes patch size 14 to 3.5, 7, 14 and 28, give '
            '[4, 8, 16, 32]: the scores are resized'
        )
