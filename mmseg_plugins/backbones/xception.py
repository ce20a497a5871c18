"""The light Xceptions of DFANet: backbones of their own, and its first sub-network.

Paper: Li, Xiong, Fan, Sun, "DFANet: Deep Feature Aggregation for Real-Time Semantic
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.02216, Table 1. There is no code of
the authors.

Shapes: N batch, H and W the size of the image.
"""

from collections.abc import Sequence
from typing import Any

from mmcv.cnn import ConvModule
from torch import Tensor

from mmseg_plugins.registry import MODELS

from .sub_network import SubNetwork

#: Channels of conv1 (Table 1).
CONV1_CHANNELS = 8


class Xception(SubNetwork):
    """What :class:`XceptionA` and :class:`XceptionB` share: all but the widths.

    Every layer is initialised where it is made: convolutions by Kaiming's rule, the
    attention to the identity.

    Args:
        in_channels: Channels of the image.
        out_indices: Outputs, ascending: 0 to 2 are enc2 to enc4 (strides 4, 8, 16), 3
            is the FC attention on enc4, which is only made where it is asked for. A
            classifier takes (2,) and brings its own fully connected layer.
        frozen_stages: Stages up to this one neither train nor update their batch norm:
            1 is conv1, 2 to 4 are enc2 to enc4; -1 or 0 for none.
        norm_cfg: Of all convolutions but the attention's.
        attention_norm_cfg: Of a normalisation after the attention's 1 x 1 convolution
            instead of its bias; batch norm cannot train there on a batch of one.
        norm_eval: Keep batch norm on its running statistics while training.
        with_cp: Recompute enc2 to enc4 in the backward pass instead of keeping their
            insides: less memory, more time.
        init_cfg: See mmengine's ``BaseModule``.

    Raises:
        ValueError: If ``out_indices`` or ``frozen_stages`` is out of its range.
    """

    channels: tuple[int, int, int]

    def __init__(
        self,
        *,
        in_channels: int = 3,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        norm_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        _check_arguments(out_indices, frozen_stages)
        norm_cfg = norm_cfg or dict(type='BN')
        super().__init__(
            (CONV1_CHANNELS, *self.channels[:2]),
            self.channels,
            norm_cfg,
            conv1=ConvModule(
                in_channels, CONV1_CHANNELS, 3, stride=2, padding=1, norm_cfg=norm_cfg
            ),
            with_attention=out_indices[-1] == 3,
            **kwargs,
        )
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Map (N, 3, H, W) to the chosen outputs, each of ceil(H / stride) rows."""
        levels = super().forward(x)
        return tuple(levels[i] for i in self.out_indices)

    def train(self, mode: bool = True) -> 'Xception':
        """Set the mode; frozen stages stay frozen."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        stages = ('conv1', 'enc2', 'enc3', 'enc4')
        for name in stages[: max(self.frozen_stages, 0)]:
            getattr(self, name).eval().requires_grad_(False)


@MODELS.register_module()
class XceptionA(Xception):
    """Xception A of Table 1: 48, 96 and 192 channels. See :class:`Xception`."""

    channels = (48, 96, 192)


@MODELS.register_module()
class XceptionB(Xception):
    """Xception B of Table 1: 32, 64 and 128 channels. See :class:`Xception`."""

    channels = (32, 64, 128)


def _check_arguments(out_indices: Sequence[int], frozen_stages: int) -> None:
    if (
        not isinstance(out_indices, (list, tuple))
        or list(out_indices) != sorted({*out_indices} & {0, 1, 2, 3})
        or not {2, 3} & {*out_indices}
    ):
        raise ValueError(
            f'out_indices={out_indices} must be ascending, from 0 to 3, and end with 2 '
            'or 3: without enc4 it would have layers that never train'
        )
    if not -1 <= frozen_stages <= 4:
        raise ValueError(
            f'frozen_stages={frozen_stages} must be from -1 to 4: 1 is conv1, 2 to 4 '
            'are enc2 to enc4'
        )
