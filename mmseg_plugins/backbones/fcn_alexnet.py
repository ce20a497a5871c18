"""The backbone of FCN-AlexNet: CaffeNet, its fully connected layers as convolutions.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 4.1 and Table 1.
Code:  shelhamer/fcn.berkeleyvision.org, voc-fcn-alexnet/net.py, BSD-2.
"""

import logging
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.converters.alexnet import convert_alexnet
from mmseg_plugins.converters.foreign import pop_foreign
from mmseg_plugins.registry import MODELS


@MODELS.register_module()
class FCNAlexNet(BaseModule):
    """CaffeNet (AlexNet with each pool before its normalisation) without fc8.

    The image is padded by 100 pixels and fc6 is not, as in the authors' network; cell i
    of the output has its centre at pixel 32 * i + 13. It goes with
    ``FCNSkipHead(strides=[32], align='pad100', centre=13)``.

    Classifiers' checkpoints in Caffe names load through
    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` as they are.

    Args:
        base_channels: Channels of conv1: 96 in the paper; other multiples of 6 scale
            all convolutions but fc6 and fc7 alike.
        fc_channels: Channels of fc6 and fc7.
        dropout_ratio: Chance of each element to be dropped after fc6 and fc7.
        init_cfg: See mmengine's ``BaseModule``.

    Raises:
        ValueError: If an argument is out of its range.
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
            raise ValueError(
                f'base_channels={base_channels} must be a positive multiple of 6: '
                'conv1 to conv5 keep the ratio 6 : 16 : 24 : 24 : 16, and three of '
                'them have two groups'
            )
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
        x = _normalize(_pool(self.conv1(x)))
        x = _normalize(_pool(self.conv2(x)))
        x = _pool(self.conv5(self.conv4(self.conv3(x))))
        x = self.dropout(self.fc6(x))
        return (self.dropout(self.fc7(x)),)

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any
    ) -> None:
        """Rename a classifier's checkpoint before the host loads it."""
        own = self.state_dict()
        foreign = pop_foreign(state_dict, prefix, own)
        if foreign:
            taken = _fitting(convert_alexnet(foreign), own)
            state_dict.update({prefix + name: value for name, value in taken.items()})
        super()._load_from_state_dict(state_dict, prefix, *args)


def _pool(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 3, 2, ceil_mode=True)


def _normalize(x: Tensor) -> Tensor:
    """Normalise across channels: size 5, alpha 1e-4, beta 0.75, k 1."""
    # torch's own exports as a 3-D average pool, which onnxruntime 1.23 gets wrong. The
    # squares would overflow float16.
    squares = x.to(torch.promote_types(x.dtype, torch.float32)).square()
    squares = functional.pad(squares, (0, 0, 0, 0, 2, 2))
    total = sum(squares[:, i : i + x.shape[1]] for i in range(5))
    return (x / (1 + 1e-4 / 5 * total) ** 0.75).to(x.dtype)


def _fitting(converted: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Leave fc6 and fc7 of another width out, and say it."""
    fitting = {k: v for k, v in converted.items() if v.shape == own[k].shape}
    for name, value in converted.items():
        if name.startswith('conv') and name not in fitting:
            raise ValueError(
                f'{name} of the checkpoint is {tuple(value.shape)}, this FCNAlexNet '
                f'has {tuple(own[name].shape)}: set base_channels to that of the '
                'checkpoint'
            )
    kept = [name for name in own if name not in fitting]
    text = 'FCNAlexNet took its weights from a classifier'
    if kept:
        text += (
            f', but {", ".join(kept)} keep their values: the checkpoint has none of '
            'their shape'
        )
    level = logging.WARNING if kept else logging.INFO
    print_log(text, logger='current', level=level)
    return fitting
