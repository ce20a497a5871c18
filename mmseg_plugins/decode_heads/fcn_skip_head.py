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

from torch import Tensor, nn

from mmseg_plugins.layers import BilinearUpsample, LearnedUpsample
from mmseg_plugins.registry import MODELS

from .level_checks import MultiLevelHead, check_lists, image_size


@MODELS.register_module()
class FCNSkipHead(MultiLevelHead):
    """Score each level with a 1 x 1 convolution and add the scores, coarse to fine.

    One level is FCN-32s, two are FCN-16s, three are FCN-8s; more are possible. The
    coarsest level is scored by ``conv_seg`` (the paper's ``score_fr``), a skip of
    stride 2 ** k by ``score_pool{k}``. A finer net can therefore start from the weights
    of a coarser one with ``load_from`` alone.

    If a level has ceil(H / stride) rows and ceil(W / stride) columns, its score is
    upsampled by the ratio of the strides and the surplus is cut, which is exact at
    every image size. Other levels are resized, as in mmseg's heads.

    Args:
        in_channels: Channels of the levels, finest first.
        in_index: Indices of the levels among the backbone's outputs.
        num_classes: K.
        strides: Strides of the levels in pixels: powers of two in ascending order.
        upsample: ``'bilinear'`` interpolation, or ``'learned'``: transposed
            convolutions that are trained, starting as bilinear upsampling.
        skip_scales: Factors of the skips before their scores, finest first; None for 1.
            (0.0001, 0.01) in the authors' FCN-8s that is trained at once. Converted
            weights already contain them.
        channels: Can be left out; the channels of the coarsest level.
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
        if channels not in (None, in_channels[-1]):
            raise ValueError(
                f'channels={channels}: must be left out, or be {in_channels[-1]} as in '
                'the coarsest level'
            )
        scales = (1.0,) * (len(strides) - 1) if skip_scales is None else skip_scales
        if not isinstance(scales, (list, tuple)) or len(scales) != len(strides) - 1:
            raise ValueError(
                f'skip_scales={skip_scales}: must have {len(strides) - 1} entries, one '
                'per skip, finest first'
            )
        super().__init__(
            in_channels=in_channels,
            in_index=in_index,
            channels=in_channels[-1],
            num_classes=num_classes,
            dropout_ratio=dropout_ratio,
            align_corners=align_corners,
            init_cfg=init_cfg or dict(type='Constant', val=0, layer='Conv2d'),
            **kwargs,
        )
        self.strides = tuple(strides)
        self.skip_scales = tuple(scales)
        for stride, width in zip(strides[:-1], in_channels[:-1], strict=True):
            self.add_module(score_name(stride), nn.Conv2d(width, self.out_channels, 1))
        for source, target in stride_steps(strides):
            layer = self._make_upsampling(source // target, upsample == 'learned')
            self.add_module(upscore_name(source, target), layer)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, ...) of the finest level's size.

        ``loss`` and ``predict`` upsample them to the image.
        """
        *skips, coarsest = self._transform_inputs(inputs)
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
    return f'score_pool{stride.bit_length() - 1}'


def upscore_name(source: int, target: int) -> str:
    """Return the authors' name of the upsampling between two strides."""
    return (
        f'upscore{source}' if target == 1 else f'upscore_pool{source.bit_length() - 1}'
    )


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
    powers_of_two = all(stride > 0 and stride.bit_count() == 1 for stride in strides)
    if not powers_of_two or list(strides) != sorted({*strides}):
        raise ValueError(
            f'strides={strides}: must be ascending powers of two, such as [8, 16, 32], '
            'one level per stride. If several levels have the same stride, as those of '
            'a plain ViT, use only the last of them, or a neck such as '
            'Feature2Pyramid that changes their strides. For another stride, such as '
            '14, give the next lower power of two: the scores are resized'
        )
