"""The backbone of FCN-GoogLeNet: Inception v1 without its average pool and classifier.

Papers: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", https://arxiv.org/abs/1411.4038, Sec. 4.1 and Table 1; Szegedy et al.,
"Going Deeper with Convolutions", https://arxiv.org/abs/1409.4842; both CVPR 2015.
Code:  BVLC/caffe, models/bvlc_googlenet, BSD-2; pytorch/vision,
torchvision/models/googlenet.py, BSD-3; differs here in: the last row and column of an
odd number, which the pools keep. FCN's authors published no code of GoogLeNet.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.registry import MODELS

from .base_backbone import BaseBackbone, run_stage
from .classifier_weights import load_classifier
from .fcn_alexnet import local_response_norm

#: Channels of the 1 x 1 convolution of each block, the one before the 3 x 3, the 3 x 3,
#: the one before the 5 x 5, the 5 x 5, and the one after the pool.
INCEPTIONS = {
    'inception3a': (64, 96, 128, 16, 32, 32),
    'inception3b': (128, 128, 192, 32, 96, 64),
    'inception4a': (192, 96, 208, 16, 48, 64),
    'inception4b': (160, 112, 224, 24, 64, 64),
    'inception4c': (128, 128, 256, 24, 64, 64),
    'inception4d': (112, 144, 288, 32, 64, 64),
    'inception4e': (256, 160, 320, 32, 128, 128),
    'inception5a': (256, 160, 320, 32, 128, 128),
    'inception5b': (384, 192, 384, 48, 128, 128),
}
STAGES = [['conv1'], ['conv2', 'conv3']]  # then the blocks 3, 4 and 5
STAGES += [[name for name in INCEPTIONS if number in name] for number in '345']


@MODELS.register_module()
class FCNGoogLeNet(BaseBackbone):
    """GoogLeNet without its average pool, classifier and auxiliary classifiers.

    On an image of 224 x 224 pixels, the mean of the scores of the last level is the
    output of the classifier, if the 1 x 1 convolution that scores has the weights of
    its last layer. The head for it is ``FCNSkipHead``.

    Two classifiers load through ``init_cfg=dict(type='Pretrained', checkpoint=...)``:
    with ``norm_cfg=None`` Caffe's bvlc_googlenet, converted by ``tools/convert.py``,
    with ``norm_cfg=dict(type='BN')`` torchvision's. The images must be normalised as
    for that classifier; see ``configs/_base_/models``.

    Args:
        in_channels: Channels of the image; see :func:`fit_input_channels`.
        base_channels: Channels of conv1: 64 in the paper. Other multiples of 8 scale
            all layers alike.
        out_indices: Outputs in ascending order: 0 to 4 are the last maps of strides 2
            to 32, with 64, 192, 480, 832 and 1024 channels. 4 must be among them.
        frozen_stages: Stages up to this one neither train nor update their batch norm;
            -1 or 0 for none, at most 4. Each stage ends in the output of its stride.
        norm_eval: Keep batch norm on its running statistics while training.
        with_cp: Recompute the stages in the backward pass instead of keeping their
            activations: less memory, more time.
        norm_cfg: None for the paper's network, with two local response normalisations.
            Else the config of the norm layers after all convolutions, with eps 0.001 by
            default, in torchvision's network: no local response normalisation, 3 x 3
            instead of 5 x 5 convolutions, and 2 x 2 windows in the last pool.
        init_cfg: See mmengine's ``BaseModule``.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> [level.shape[1:] for level in FCNGoogLeNet()(torch.zeros(1, 3, 97, 64))]
        [torch.Size([480, 13, 8]), torch.Size([832, 7, 4]), torch.Size([1024, 4, 2])]
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        base_channels: int = 64,
        out_indices: Sequence[int] = (2, 3, 4),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        _check_arguments(base_channels, out_indices)
        super().__init__(STAGES[:4], in_channels, frozen_stages, norm_eval, init_cfg)
        self.out_indices = tuple(out_indices)
        self.with_cp = with_cp
        self.is_plain = norm_cfg is None
        conv = partial(ConvModule, norm_cfg=norm_cfg and {'eps': 0.001, **norm_cfg})
        channels = 3 * base_channels
        self.conv1 = conv(in_channels, base_channels, 7, stride=2, padding=3)
        self.conv2 = conv(base_channels, base_channels, 1)
        self.conv3 = conv(base_channels, channels, 3, padding=1)
        for name, widths in INCEPTIONS.items():
            scaled = [width * base_channels // 64 for width in widths]
            block = Inception(channels, scaled, 5 if self.is_plain else 3, conv)
            channels = block.out_channels
            self.add_module(name, block)
        self._freeze_stages()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (N, C, H, W) to the chosen outputs.

        Each has ceil(H / stride) rows and ceil(W / stride) columns.
        """
        outputs = []
        for names in STAGES:
            x = run_stage(self._run_stage, names, x, with_cp=self.with_cp)
            outputs.append(x)
        return tuple(outputs[i] for i in self.out_indices)

    def _run_stage(self, names: list[str], x: Tensor) -> Tensor:
        has_lrn = self.is_plain and names == STAGES[1]
        if names != STAGES[0]:
            x = _pool(x, 2 if names == STAGES[4] and not self.is_plain else 3)
        x = local_response_norm(x) if has_lrn else x
        for name in names:
            x = getattr(self, name)(x)
        return local_response_norm(x) if has_lrn else x

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        load_classifier(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)


class Inception(nn.Module):
    """Four branches whose outputs are concatenated; the names are torchvision's."""

    def __init__(
        self, in_channels: int, widths: Sequence[int], size: int, conv: Callable
    ) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, pool = widths
        self.out_channels = one + three + five + pool
        self.branch1 = conv(in_channels, one, 1)
        self.branch2 = nn.Sequential(
            conv(in_channels, reduce3, 1), conv(reduce3, three, 3, padding=1)
        )
        self.branch3 = nn.Sequential(
            conv(in_channels, reduce5, 1), conv(reduce5, five, size, padding=size // 2)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), conv(in_channels, pool, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return torch.cat([branch(x) for branch in branches], 1)


def _pool(x: Tensor, kernel_size: int) -> Tensor:
    """Halve the size and round it up; zeros at the end change no maximum after ReLU."""
    end = kernel_size - 1
    return functional.max_pool2d(functional.pad(x, (0, end, 0, end)), kernel_size, 2)


def _check_arguments(base_channels: int, out_indices: Sequence[int]) -> None:
    if base_channels < 1 or base_channels % 8:
        raise ValueError(f'base_channels={base_channels}: must be 8, 16, 24, ...')
    listed = isinstance(out_indices, Sequence)
    if not listed or [*out_indices] != sorted({*out_indices} & {0, 1, 2, 3} | {4}):
        raise ValueError(
            f'out_indices={out_indices}: must be a list in ascending order, from 0 '
            '(stride 2) or later to 4 (stride 32), such as (2, 3, 4)'
        )
