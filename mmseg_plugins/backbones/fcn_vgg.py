"""The backbone of FCN: VGG with its fully connected layers as convolutions.

Paper: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015, https://arxiv.org/abs/1411.4038, Sec. 3.1 and 4.1.
Code:  shelhamer/fcn.berkeleyvision.org, voc-fcn8s/net.py, BSD-2; differs here in: the
padding of conv1_1 and fc6 (see ``FCNVGG``), batch norm as an option.
"""

from collections.abc import Sequence
from typing import Any, Literal

from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.registry import MODELS

from .base_backbone import BaseBackbone, run_stage
from .classifier_weights import load_classifier

#: Convolutions per stage of each depth (Simonyan and Zisserman 2015, Table 1).
VGG_STAGES = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def conv_names(depth: int) -> list[list[str]]:
    """List the convolutions of each stage.

    Examples:
        >>> conv_names(11)[:3]
        [['conv1_1'], ['conv2_1'], ['conv3_1', 'conv3_2']]
    """
    stages = enumerate(VGG_STAGES[depth], 1)
    return [[f'conv{stage}_{i + 1}' for i in range(count)] for stage, count in stages]


@MODELS.register_module()
class FCNVGG(BaseBackbone):
    """VGG whose fc6 and fc7 are a 7 x 7 and a 1 x 1 convolution.

    By default conv1_1 is padded by 1 and fc6 by 3, so cell i of a map of stride s is
    centred at pixel s * i + (s - 1) / 2. With ``pad=100`` conv1_1 is padded by 100 and
    fc6 is not padded, as in the authors' network, at about twice the cost; the head for
    it is ``FCNPad100Head``. Pools round up, as Caffe's do.

    Checkpoints of VGG classifiers (torchvision, mmcv, mmpretrain, Caffe's names) load
    through ``init_cfg=dict(type='Pretrained', checkpoint=...)`` as they are.

    Args:
        depth: 11, 13, 16 or 19.
        in_channels: Channels of the image; see :func:`fit_input_channels`.
        base_channels: Channels of conv1; 64 in the paper.
        fc_channels: Channels of fc6 and fc7.
        out_indices: Outputs in ascending order: 0 to 3 are pool1 to pool4 (strides 2 to
            16), 4 is fc7 (stride 32), which must be the last.
        pad: Padding of conv1_1: 1, or 100 for the authors' geometry.
        dropout_ratio: Probability to drop an element after fc6 and fc7.
        frozen_stages: Stages conv1 to this one neither train nor update their batch
            norm; -1 or 0 for none, at most 5.
        norm_eval: Keep batch norm on its running statistics while training.
        with_cp: Recompute conv1 to conv5 in the backward pass instead of keeping their
            activations: less memory, more time.
        norm_cfg: Config of the norm layers after the convolutions, as in torchvision's
            VGG-BN; fc6 and fc7 have none. None for the paper's network.
        init_cfg: See mmengine's ``BaseModule``.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        *,
        depth: int = 16,
        in_channels: int = 3,
        base_channels: int = 64,
        fc_channels: int = 4096,
        out_indices: Sequence[int] = (2, 3, 4),
        pad: Literal[1, 100] = 1,
        dropout_ratio: float = 0.5,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        _check_arguments(depth, out_indices, pad)
        stages = conv_names(depth)
        super().__init__(stages, in_channels, frozen_stages, norm_eval, init_cfg)
        self.out_indices = tuple(out_indices)
        self.with_cp = with_cp
        channels, padding = in_channels, pad
        for stage, names in enumerate(self.stages):
            width = base_channels * min(8, 2**stage)
            for name in names:
                conv = ConvModule(
                    channels, width, 3, padding=padding, norm_cfg=norm_cfg
                )
                self.add_module(name, conv)
                channels, padding = width, 1
        self.fc6 = ConvModule(channels, fc_channels, 7, padding=0 if pad == 100 else 3)
        self.fc7 = ConvModule(fc_channels, fc_channels, 1)
        self.dropout = nn.Dropout(dropout_ratio)
        self._freeze_stages()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (N, C, H, W) to the chosen outputs.

        With ``pad=1`` each has ceil(H / stride) rows and ceil(W / stride) columns.
        """
        outputs = []
        for names in self.stages:
            x = run_stage(self._run_stage, names, x, with_cp=self.with_cp)
            outputs.append(x)
        x = self.dropout(self.fc6(x))
        outputs[4] = self.dropout(self.fc7(x))  # in place of pool5
        return tuple(outputs[i] for i in self.out_indices)

    def _run_stage(self, names: list[str], x: Tensor) -> Tensor:
        for name in names:
            x = getattr(self, name)(x)
        return functional.max_pool2d(x, 2, ceil_mode=True)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        load_classifier(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)


def _check_arguments(depth: int, out_indices: Sequence[int], pad: int) -> None:
    if depth not in VGG_STAGES:
        raise ValueError(f'depth={depth}: must be 11, 13, 16 or 19')
    listed = isinstance(out_indices, Sequence)
    if not listed or [*out_indices] != sorted({*out_indices} & {0, 1, 2, 3} | {4}):
        raise ValueError(
            f'out_indices={out_indices}: must be a list in ascending order, from 0 '
            '(pool1) or later to 4 (fc7), such as (2, 3, 4)'
        )
    if pad not in (1, 100):
        raise ValueError(
            f"pad={pad}: must be 1, or 100 as in the authors' network (FCNPad100Head)"
        )
