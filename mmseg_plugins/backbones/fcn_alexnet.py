"""The backbone of FCN-AlexNet: CaffeNet, its fully connected layers as convolutions.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 4.1 and Table 1.
Code:  shelhamer/fcn.berkeleyvision.org, voc-fcn-alexnet/net.py, BSD-2.
"""

from functools import partial
from typing import Any

import torch
import torch.fx
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.registry import MODELS

from .base_backbone import BaseBackbone, run_stage
from .classifier_weights import load_classifier


@MODELS.register_module()
class FCNAlexNet(BaseBackbone):
    """CaffeNet (AlexNet with each pool before its normalisation) without fc8.

    The image is padded by 100 pixels and fc6 is not padded, as in the authors' network.
    Cell i of the output is centred at pixel 32 * i + 13. The head for it is
    ``FCNPad100Head(strides=[32], centre=13)``.

    CaffeNet classifiers with Caffe's names load through ``init_cfg=dict(
    type='Pretrained', checkpoint=...)``; torchvision's AlexNet is another network.

    Args:
        in_channels: Channels of the image; see :func:`fit_input_channels`.
        base_channels: Channels of conv1: 96 in the paper. Other multiples of 6 scale
            conv1 to conv5 alike, in the ratio 6 : 16 : 24 : 24 : 16.
        fc_channels: Channels of fc6 and fc7.
        dropout_ratio: Probability to drop an element after fc6 and fc7.
        frozen_stages: conv1 to this convolution neither train nor update their batch
            norm; -1 or 0 for none, at most 5.
        norm_eval: Keep batch norm on its running statistics while training.
        with_cp: Recompute conv1 to conv5 in the backward pass instead of keeping their
            activations: less memory, more time.
        norm_cfg: Config of the norm layers after conv1 to conv5. None for the paper's
            network.
        init_cfg: See mmengine's ``BaseModule``.

    Raises:
        ValueError: If ``base_channels`` is not a positive multiple of 6, or another
            argument is out of its range.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        base_channels: int = 96,
        fc_channels: int = 4096,
        dropout_ratio: float = 0.5,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        stages = [[f'conv{stage}'] for stage in range(1, 6)]
        super().__init__(stages, in_channels, frozen_stages, norm_eval, init_cfg)
        if base_channels < 1 or base_channels % 6:
            raise ValueError(f'base_channels={base_channels}: must be 6, 12, 18, ...')
        narrow, wide = base_channels * 16 // 6, base_channels * 4
        conv = partial(ConvModule, norm_cfg=norm_cfg)
        self.conv1 = conv(in_channels, base_channels, 11, stride=4, padding=100)
        self.conv2 = conv(base_channels, narrow, 5, padding=2, groups=2)
        self.conv3 = conv(narrow, wide, 3, padding=1)
        self.conv4 = conv(wide, wide, 3, padding=1, groups=2)
        self.conv5 = conv(wide, narrow, 3, padding=1, groups=2)
        self.fc6 = ConvModule(narrow, fc_channels, 6)
        self.fc7 = ConvModule(fc_channels, fc_channels, 1)
        self.dropout = nn.Dropout(dropout_ratio)
        self.with_cp = with_cp
        self._freeze_stages()

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Map (N, C, H, W) to fc7, of stride 32."""
        for (name,) in self.stages:
            x = run_stage(self._run_stage, name, x, with_cp=self.with_cp)
        x = self.dropout(self.fc6(x))
        return (self.dropout(self.fc7(x)),)

    def _run_stage(self, name: str, x: Tensor) -> Tensor:
        x = getattr(self, name)(x)
        if name in ('conv1', 'conv2', 'conv5'):
            x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        return local_response_norm(x) if name in ('conv1', 'conv2') else x

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        load_classifier(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)


@torch.fx.wrap  # one node in a symbolic trace, since it asks for the dtype
def local_response_norm(x: Tensor) -> Tensor:
    """Normalise across channels with size 5, alpha 1e-4, beta 0.75, k 1."""
    # torch's own layer exports as a 3-D average pool, which ONNX Runtime 1.23 computes
    # wrongly. Squares in float16 would overflow.
    squares = x.to(torch.promote_types(x.dtype, torch.float32)).square()
    squares = functional.pad(squares, (0, 0, 0, 0, 2, 2))
    total = sum(squares[:, i : i + x.shape[1]] for i in range(5))
    return (x / (1 + 1e-4 / 5 * total) ** 0.75).to(x.dtype)
