"""The decode head of the authors' FCN, for backbones that pad the image by 100 pixels.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 4.1 and 4.2.
Code:  shelhamer/fcn.berkeleyvision.org, voc-fcn8s/net.py, BSD-2: the crop offsets 5, 9
and 31 of FCN-8s, 5 and 27 of FCN-16s, 19 of FCN-32s, 18 of FCN-AlexNet.

Shapes: N batch, K classes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.layers import bilinear_kernel
from mmseg_plugins.registry import MODELS

from .fcn_skip_head import FCNSkipHead, stride_steps, upscore_name


@MODELS.register_module()
class FCNPad100Head(FCNSkipHead):
    """:class:`FCNSkipHead` in the authors' geometry, for their published weights.

    It goes with ``FCNVGG(pad=100)`` and ``FCNAlexNet``. Transposed convolutions without
    padding upsample, so their output exceeds the input on all sides. Skips and logits
    are cropped at offsets that follow from ``strides`` and ``centre``.

    The logits that ``forward`` returns cover the padded image, not the image: with
    ``strides=[8, 16, 32]`` they have stride 8, and cell i lies at pixel 8 * i - 23.5.
    ``loss`` and ``predict`` upsample them and crop the image out.

    Args:
        centre: Pixel at the centre of the coarsest level's first cell: 12.5 for VGG, 13
            for AlexNet.
        **kwargs: See :class:`FCNSkipHead`; ``upsample='bilinear'`` is a fixed
            transposed convolution here, and ``align_corners`` must be False.

    Raises:
        ValueError: If ``centre`` does not fit ``strides``.
    """

    def __init__(self, *, centre: float = 12.5, **kwargs: Any) -> None:
        if kwargs.get('align_corners'):
            raise ValueError('align_corners=True: must be False in this geometry')
        self.centre = centre  # _make_upsampling reads it
        super().__init__(**kwargs)
        self.offsets = crop_offsets(self.strides, centre)

    def _make_upsampling(self, scale: int, learned: bool) -> nn.Module:
        size = deconv_kernel_size(scale, self.centre)
        return UnpaddedDeconv(self.out_channels, scale, size, learned)

    def _upsample_and_add(
        self, score: Tensor, skip: Tensor, source: int, target: int
    ) -> Tensor:
        score = self.get_submodule(upscore_name(source, target))(score)
        return score + crop(skip, score.shape[2:], self.offsets[target])

    def _to_image(self, seg_logits: Tensor, size: Sequence[int]) -> Tensor:
        upscore = self.get_submodule(upscore_name(self.strides[0], 1))
        return crop(upscore(seg_logits), size, self.offsets[1])


class UnpaddedDeconv(nn.Module):
    """A transposed convolution without padding, initialised as bilinear upsampling.

    Args:
        channels: C, of input and output.
        scale: Stride of the transposed convolution.
        kernel_size: See :func:`deconv_kernel_size`.
        learned: Whether a dense kernel is trained, as in the paper, Sec. 4.3; else the
            kernel is fixed and depthwise, as in the authors' published code.
    """

    def __init__(
        self, channels: int, scale: int, kernel_size: int, learned: bool
    ) -> None:
        super().__init__()
        self.scale = scale
        self.groups = 1 if learned else channels
        kernel = bilinear_kernel(kernel_size)
        if learned:
            self.weight = nn.Parameter(torch.eye(channels)[..., None, None] * kernel)
        else:
            fixed = kernel.expand(channels, 1, -1, -1).clone()
            self.register_buffer('weight', fixed, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, ...) with scale * (H - 1) + kernel_size rows."""
        return functional.conv_transpose2d(
            x, self.weight, stride=self.scale, groups=self.groups
        )


@torch.fx.wrap  # one node in a symbolic trace, since it compares sizes
def crop(x: Tensor, size: Sequence[int], offset: int) -> Tensor:
    """Crop (N, C, H, W) to (N, C, *size) from row and column ``offset`` on."""
    bottom, right = x.shape[2] - offset - size[0], x.shape[3] - offset - size[1]
    # A comparison would fix the sizes of a graph.
    in_graph = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if not in_graph and min(bottom, right) < 0:
        raise ValueError(
            f'cannot crop {tuple(size)} from cell {offset} of a map of '
            f'{tuple(x.shape[2:])}: use a backbone that pads the image by 100 pixels, '
            'such as FCNVGG(pad=100)'
        )
    # A negative padding cuts, and unlike a slice it exports with dynamic sizes.
    return functional.pad(x, (-offset, -right, -offset, -bottom))


def deconv_kernel_size(scale: int, centre: float) -> int:
    """Return 2 * scale, or one less where cells are centred on pixels (AlexNet)."""
    return 2 * scale - 1 if centre % 1 == 0 else 2 * scale


def crop_offsets(strides: Sequence[int], centre: float) -> dict[int, int]:
    """Return where the authors' network crops its skips and its logits.

    The backbone pads the image by 100 pixels, so the first cell of a stride-s pool is
    centred at pixel (s - 1) / 2 - 99.

    Returns:
        For the stride of each skip the row and column where its crop begins, and for 1
        the row and column of the logits where the image begins.

    Examples:
        >>> crop_offsets([8, 16, 32], 12.5)
        {16: 5, 8: 9, 1: 31}
    """
    offsets, begin = {}, centre  # begin: the centre of a score's first cell, in pixels
    for source, target in stride_steps(strides):
        # A deconvolution begins half a kernel before the centre of the first cell.
        begin -= (deconv_kernel_size(source // target, begin) - 1) / 2 * target
        # A skip begins before the score, the logits begin before the image.
        first = (target - 1) / 2 - 99
        offset = (begin - first) / target if target > 1 else -begin
        if offset % 1:
            raise ValueError(
                f'centre={centre}: does not fit strides={strides}; use 12.5 for VGG, '
                'and 13 for AlexNet, which has no skips'
            )
        offsets[target] = int(offset)
    return offsets
