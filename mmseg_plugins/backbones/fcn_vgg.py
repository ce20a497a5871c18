"""The backbone of FCN: VGG with its fully connected layers as convolutions.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 3.1 and 4.1.
Code:  shelhamer/fcn.berkeleyvision.org, voc-fcn8s/net.py, BSD-2; differs here in: the
padding of conv1_1 and fc6 (see ``FCNVGG``), batch norm as an option.
"""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from mmcv.cnn import ConvModule
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.converters.vgg import VGG_STAGES, conv_names, convert_vgg
from mmseg_plugins.registry import MODELS


@MODELS.register_module()
class FCNVGG(BaseModule):
    """VGG whose fc6 and fc7 are a 7 x 7 and a 1 x 1 convolution.

    The authors pad the image by 100 pixels and leave fc6 unpadded; here conv1_1 is
    padded by 1 and fc6 by 3, which costs about half and puts cell i of a stride-s map
    at pixel s * i + (s - 1) / 2. Pools round up, as Caffe's do.

    Checkpoints of VGG classifiers (torchvision, mmcv, mmpretrain, Caffe names) load
    through ``init_cfg=dict(type='Pretrained', checkpoint=...)`` as they are.

    Args:
        depth: 11, 13, 16 or 19.
        base_channels: Channels of conv1; 64 in the paper, less for slim variants.
        fc_channels: Channels of fc6 and fc7.
        out_indices: Outputs, ascending: 0 to 3 are pool1 to pool4 (strides 2 to 16), 4
            is fc7 (stride 32).
        dropout_ratio: Chance of each element to be dropped after fc6 and fc7.
        frozen_stages: Stages conv1 to this one neither train nor update their batch
            norm; -1 or 0 for none, at most 5.
        norm_cfg: Batch norm after the convolutions but not after fc6 and fc7, as in
            torchvision's VGG-BN; None for the paper's network.
        init_cfg: See mmengine's ``BaseModule``.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        *,
        depth: int = 16,
        base_channels: int = 64,
        fc_channels: int = 4096,
        out_indices: Sequence[int] = (2, 3, 4),
        dropout_ratio: float = 0.5,
        frozen_stages: int = -1,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        _check_arguments(depth, out_indices, frozen_stages)
        self.depth = depth
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        conv3x3 = partial(ConvModule, kernel_size=3, padding=1, norm_cfg=norm_cfg)
        channels = 3
        for name in conv_names(depth):
            out_channels = base_channels * min(8, 2 ** (_stage_of(name) - 1))
            self.add_module(name, conv3x3(channels, out_channels))
            channels = out_channels
        self.fc6 = ConvModule(channels, fc_channels, 7, padding=3)
        self.fc7 = ConvModule(fc_channels, fc_channels, 1)
        self.dropout = nn.Dropout(dropout_ratio)
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (N, 3, H, W) to the chosen outputs, each of ceil(H / stride) rows."""
        outputs = []
        for stage in range(1, len(VGG_STAGES[self.depth]) + 1):
            for conv in self._stage(stage):
                x = conv(x)
            x = functional.max_pool2d(x, 2, ceil_mode=True)
            outputs.append(x)
        if 4 in self.out_indices:
            x = self.dropout(self.fc6(x))
            outputs[4] = self.dropout(self.fc7(x))
        return tuple(outputs[i] for i in self.out_indices)

    def train(self, mode: bool = True) -> 'FCNVGG':
        """Set the mode; frozen stages stay frozen."""
        super().train(mode)
        self._freeze()
        return self

    def _stage(self, stage: int) -> list[nn.Module]:
        names = [n for n in conv_names(self.depth) if _stage_of(n) == stage]
        return [getattr(self, name) for name in names]

    def _freeze(self) -> None:
        for stage in range(1, self.frozen_stages + 1):
            for conv in self._stage(stage):
                conv.eval().requires_grad_(False)

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any
    ) -> None:
        """Rename a VGG classifier's checkpoint before the host loads it."""
        source = {
            key.removeprefix(prefix): key
            for key in state_dict
            if key.startswith(prefix)
        }
        own = self.state_dict()
        if source and own.keys().isdisjoint(source):
            foreign = {name: state_dict.pop(key) for name, key in source.items()}
            converted = self._fitting(convert_vgg(foreign, self.depth), own)
            state_dict.update({prefix + name: v for name, v in converted.items()})
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _fitting(
        self, converted: dict[str, Tensor], own: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Leave out what does not fit fc6 and fc7, and say what was taken."""
        fitting = {}
        for name, value in converted.items():
            if name in own and value.shape == own[name].shape:
                fitting[name] = value
            elif not name.startswith('fc'):
                raise ValueError(
                    f'{name} of the checkpoint is {tuple(value.shape)}, this FCNVGG '
                    f'has {tuple(own[name].shape) if name in own else "no such layer"}: '
                    'set base_channels and norm_cfg to those of the checkpoint'
                )
        left_out = [
            name for name in ('fc6', 'fc7') if f'{name}.conv.weight' not in fitting
        ]
        print_log(
            f'FCNVGG: {len(fitting)} tensors of another VGG-{self.depth} checkpoint '
            f'renamed; not in it, not finite or of another size there: '
            f'{", ".join(left_out) or "nothing"}',
            logger='current',
            level=logging.WARNING if left_out else logging.INFO,
        )
        return fitting


def _stage_of(name: str) -> int:
    return int(name[len('conv') : name.index('_')])


def _check_arguments(
    depth: int, out_indices: Sequence[int], frozen_stages: int
) -> None:
    if depth not in VGG_STAGES:
        raise ValueError(f'depth={depth} is none of {", ".join(map(str, VGG_STAGES))}')
    if list(out_indices) != sorted({*out_indices} & {0, 1, 2, 3} | {4}):
        raise ValueError(
            f'out_indices={out_indices} must ascend from 0 (pool1) or later to 4 '
            '(fc7), such as (2, 3, 4)'
        )
    if not -1 <= frozen_stages <= 5:
        raise ValueError(
            f'frozen_stages={frozen_stages} must be between -1 (none) and 5 (all of '
            'conv1 to conv5)'
        )
