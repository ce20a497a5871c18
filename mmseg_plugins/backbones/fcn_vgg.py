"""The backbone of FCN: VGG with its fully connected layers as convolutions.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 3.1 and 4.1.
Code:  shelhamer/fcn.berkeleyvision.org, voc-fcn8s/net.py, BSD-2; differs here in: the
padding of conv1_1 and fc6 (see ``FCNVGG``), batch norm as an option.
"""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import torch
from mmcv.cnn import ConvModule
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from mmseg_plugins.converters.foreign import pop_foreign
from mmseg_plugins.converters.vgg import VGG_STAGES, conv_names, convert_vgg
from mmseg_plugins.registry import MODELS

_FC = ('fc6', 'fc7')


@MODELS.register_module()
class FCNVGG(BaseModule):
    """VGG whose fc6 and fc7 are a 7 x 7 and a 1 x 1 convolution.

    The authors pad the image by 100 pixels and leave fc6 unpadded (``pad=100``, with
    ``align='pad100'`` of ``FCNSkipHead``). By default conv1_1 is padded by 1 and fc6 by
    3, which costs about half and puts cell i of a stride-s map at pixel
    s * i + (s - 1) / 2. Pools round up, as Caffe's do.

    Checkpoints of VGG classifiers (torchvision, mmcv, mmpretrain, Caffe names) load
    through ``init_cfg=dict(type='Pretrained', checkpoint=...)`` as they are.

    Args:
        depth: 11, 13, 16 or 19.
        base_channels: Channels of conv1; 64 in the paper, less for slim variants.
        fc_channels: Channels of fc6 and fc7.
        out_indices: Outputs, ascending: 0 to 3 are pool1 to pool4 (strides 2 to 16), 4
            is fc7 (stride 32).
        pad: Padding of conv1_1: 1, or 100 for the authors' geometry.
        dropout_ratio: Chance of each element to be dropped after fc6 and fc7.
        frozen_stages: Stages conv1 to this one neither train nor update their batch
            norm; -1 or 0 for none, at most 5.
        with_cp: Recompute conv1 to conv5 in the backward pass instead of keeping their
            insides: less memory, more time.
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
        pad: Literal[1, 100] = 1,
        dropout_ratio: float = 0.5,
        frozen_stages: int = -1,
        with_cp: bool = False,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        _check_arguments(depth, out_indices, pad, frozen_stages)
        self.depth = depth
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.with_cp = with_cp
        conv3x3 = partial(ConvModule, kernel_size=3, norm_cfg=norm_cfg)
        channels, padding = 3, pad
        for name in conv_names(depth):
            out_channels = base_channels * min(8, 2 ** (_stage_of(name) - 1))
            self.add_module(name, conv3x3(channels, out_channels, padding=padding))
            channels, padding = out_channels, 1
        self.fc6 = ConvModule(channels, fc_channels, 7, padding=0 if pad == 100 else 3)
        self.fc7 = ConvModule(fc_channels, fc_channels, 1)
        self.dropout = nn.Dropout(dropout_ratio)
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (N, 3, H, W) to the chosen outputs.

        Without the padding of 100, each has ceil(H / stride) rows.
        """
        outputs = []
        for stage in range(1, len(VGG_STAGES[self.depth]) + 1):
            if self.with_cp and torch.is_grad_enabled():
                x = checkpoint(self._run_stage, stage, x, use_reentrant=False)
            else:
                x = self._run_stage(stage, x)
            outputs.append(x)
        x = self.dropout(self.fc6(x))
        outputs[4] = self.dropout(self.fc7(x))
        return tuple(outputs[i] for i in self.out_indices)

    def train(self, mode: bool = True) -> 'FCNVGG':
        """Set the mode; frozen stages stay frozen."""
        super().train(mode)
        self._freeze()
        return self

    def _run_stage(self, stage: int, x: Tensor) -> Tensor:
        for conv in self._stage(stage):
            x = conv(x)
        return functional.max_pool2d(x, 2, ceil_mode=True)

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
        own = self.state_dict()
        foreign = pop_foreign(state_dict, prefix, own)
        if foreign:
            converted = convert_vgg(foreign, self.depth)
            _check_fit(converted, own)
            left_out = {
                name: _why_left_out(name, foreign, converted, own) for name in _FC
            }
            self._report(converted, {k: v for k, v in left_out.items() if v})
            for name, value in converted.items():
                if not left_out.get(name.split('.')[0]):
                    state_dict[prefix + name] = value
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _report(self, converted: dict[str, Tensor], left_out: dict[str, str]) -> None:
        layers = dict.fromkeys(name.split('.')[0] for name in converted)
        taken = [layer for layer in layers if layer not in left_out]
        reasons = [
            f'{layer} keeps its values: {why}' for layer, why in left_out.items()
        ]
        print_log(
            f'FCNVGG took {", ".join(taken)} from a VGG-{self.depth} classifier. '
            + '. '.join(reasons),
            logger='current',
            level=logging.WARNING if left_out else logging.INFO,
        )


def _check_fit(converted: dict[str, Tensor], own: dict[str, Tensor]) -> None:
    for name, value in converted.items():
        mine = own.get(name)
        if not name.startswith(_FC) and (mine is None or mine.shape != value.shape):
            raise ValueError(
                f'{name} of the checkpoint is {tuple(value.shape)}, this FCNVGG has '
                f'{"no such layer" if mine is None else tuple(mine.shape)}: set '
                'base_channels and norm_cfg to those of the checkpoint'
            )


def _why_left_out(
    layer: str,
    foreign: dict[str, Tensor],
    converted: dict[str, Tensor],
    own: dict[str, Tensor],
) -> str:
    """Tell why fc6 or fc7 cannot be taken; empty where it can."""
    key = f'{layer}.conv.weight'
    if key in converted:
        there, here = tuple(converted[key].shape), tuple(own[key].shape)
        return '' if there == here else f'it is {there} in the checkpoint, {here} here'
    if all(value.isfinite().all() for value in foreign.values()):
        return 'the checkpoint has none'
    return (
        "the checkpoint holds NaN there, as torchvision's IMAGENET1K_FEATURES does; "
        'IMAGENET1K_V1 holds weights'
    )


def _stage_of(name: str) -> int:
    return int(name[len('conv') : name.index('_')])


def _check_arguments(
    depth: int, out_indices: Sequence[int], pad: int, frozen_stages: int
) -> None:
    if depth not in VGG_STAGES:
        raise ValueError(f'depth={depth} is none of {", ".join(map(str, VGG_STAGES))}')
    if list(out_indices) != sorted({*out_indices} & {0, 1, 2, 3} | {4}):
        raise ValueError(
            f'out_indices={out_indices} must ascend from 0 (pool1) or later to 4 '
            '(fc7), such as (2, 3, 4)'
        )
    if pad not in (1, 100):
        raise ValueError(
            f"pad={pad} must be 1, or 100 as in the authors' network, where "
            "FCNSkipHead wants align='pad100'"
        )
    if not -1 <= frozen_stages <= 5:
        raise ValueError(
            f'frozen_stages={frozen_stages} must be between -1 (none) and 5 (all of '
            'conv1 to conv5)'
        )
