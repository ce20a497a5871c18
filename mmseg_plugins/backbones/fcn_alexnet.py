"""The backbone of FCN-AlexNet: CaffeNet, its fully connected layers as convolutions.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 4.1 and Table 1.
Code:  shelhamer/fcn.berkeleyvision.org, voc-fcn-alexnet/net.py, BSD-2.
"""

from typing import Any

import torch
import torch.fx
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.registry import MODELS

from .classifier_weights import load_classifier


@MODELS.register_module()
class FCNAlexNet(BaseModule):
    """CaffeNet (AlexNet with each pool before its normalisation) without fc8.

    The image is padded by 100 pixels and fc6 is not padded, as in the authors' network.
    Cell i of the output is centred at pixel 32 * i + 13. The head for it is
    ``FCNPad100Head(strides=[32], centre=13)``.

    CaffeNet classifiers with Caffe's names load through ``init_cfg=dict(
    type='Pretrained', checkpoint=...)``; torchvision's AlexNet is another network.

    Args:
        base_channels: Channels of conv1: 96 in the paper. Other multiples of 6 scale
            conv1 to conv5 alike, in the ratio 6 : 16 : 24 : 24 : 16.
        fc_channels: Channels of fc6 and fc7.
        dropout_ratio: Probability to drop an element after fc6 and fc7.
        init_cfg: See mmengine's ``BaseModule``.

    Raises:
        ValueError: If ``base_channels`` is not a positive multiple of 6.
    """

    def __init__(
        self,
        *,
        base_channels: int = 96,
        fc_channels: int = 4096,
        dropout_ratio: float = 0.5,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if base_channels < 1 or base_channels % 6:
            raise ValueError(f'base_channels={base_channels}: must be 6, 12, 18, ...')
        narrow, wide = base_channels * 16 // 6, base_channels * 4
        self.conv1 = ConvModule(3, base_channels, 11, stride=4, padding=100)
        self.conv2 = ConvModule(base_channels, narrow, 5, padding=2, groups=2)
        self.conv3 = ConvModule(narrow, wide, 3, padding=1)
        self.conv4 = ConvModule(wide, wide, 3, padding=1, groups=2)
        self.conv5 = ConvModule(wide, narrow, 3, padding=1, groups=2)
        self.fc6 = ConvModule(narrow, fc_channels, 6)
        self.fc7 = ConvModule(fc_channels, fc_channels, 1)
        self.dropout = nn.Dropout(dropout_ratio)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Map (N, 3, H, W) to fc7, of stride 32."""
        x = _local_response_norm(_pool(self.conv1(x)))
        x = _local_response_norm(_pool(self.conv2(x)))
        x = _pool(self.conv5(self.conv4(self.conv3(x))))
        x = self.dropout(self.fc6(x))
        return (self.dropout(self.fc7(x)),)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        load_classifier(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)


def _pool(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 3, 2, ceil_mode=True)


@torch.fx.wrap  # one node in a symbolic trace, since it asks for the dtype
def _local_response_norm(x: Tensor) -> Tensor:
    """Normalise across channels with size 5, alpha 1e-4, beta 0.75, k 1."""
    # torch's own layer exports as a 3-D average pool, which ONNX Runtime 1.23 computes
    # wrongly. Squares in float16 would overflow.
    squares = x.to(torch.promote_types(x.dtype, torch.float32)).square()
    squares = functional.pad(squares, (0, 0, 0, 0, 2, 2))
    total = sum(squares[:, i : i + x.shape[1]] for i in range(5))
    return (x / (1 + 1e-4 / 5 * total) ** 0.75).to(x.dtype)
