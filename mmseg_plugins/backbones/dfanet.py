"""The backbone of DFANet: light Xceptions that refine one another.

Paper: Li, Xiong, Fan, Sun, "DFANet: Deep Feature Aggregation for Real-Time Semantic
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.02216, Fig. 3. There is no code of
the authors; the order of the concatenations is not in the paper.

Shapes: N batch, C2, C3, C4 channels of enc2, enc3, enc4, H and W the size of the image.
"""

from typing import Any, Literal

import torch
from mmengine.model import BaseModule
from mmseg.models.utils import resize
from torch import Tensor, nn

from mmseg_plugins.registry import MODELS

from .sub_network import SubNetwork
from .xception import XceptionA, XceptionB

ARCHS = {'A': XceptionA, 'B': XceptionB}
NUM_GROUPS, KEPT_BYTES = 4, 2**25


@MODELS.register_module()
class DFANet(BaseModule):
    """Aggregate sub-networks: each sees the scene of the one before, once more halved.

    The first sub-network is the whole light Xception, the others are one without conv1.
    What a stage of them sees is concatenated in the order path, skip:

    - enc2: the FC attention of the sub-network before, upsampled to its enc2; its enc2;
    - enc3: enc2; enc3 of the sub-network before;
    - enc4: enc3; enc4 of the sub-network before.

    Any image size works. While training, batch norm needs two values per channel: a
    batch of two, or a side above ``8 * 2**num_subnets`` pixels (64 for three).

    Args:
        arch: ``'A'`` for the widths of XceptionA (48, 96, 192), ``'B'`` for those of
            XceptionB (32, 64, 128).
        num_subnets: Sub-networks, at least 1; the paper's x1 to x4 of Table 3.
        in_channels: Channels of the image.
        norm_cfg: Of all convolutions but the attentions'.
        attention_norm_cfg: Of a normalisation after the attentions' 1 x 1 convolutions
            instead of their bias; batch norm cannot train there on a batch of one.
        norm_eval: Keep batch norm on its running statistics while training.
        with_cp: Recompute enc2 to enc4 in the backward pass instead of keeping their
            insides: less memory, more time.
        init_cfg: See mmengine's ``BaseModule``. The layers' own start is that of
            :class:`Xception`.

    Raises:
        ValueError: If ``arch`` is unknown or ``num_subnets`` is less than 1.
    """

    def __init__(
        self,
        *,
        arch: Literal['A', 'B'] = 'A',
        num_subnets: int = 3,
        in_channels: int = 3,
        norm_cfg: dict | None = None,
        attention_norm_cfg: dict | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if arch not in ARCHS:
            raise ValueError(f"arch={arch!r} must be 'A' or 'B'")
        if num_subnets < 1:
            raise ValueError(f'num_subnets={num_subnets} must be at least 1')
        shared: dict[str, Any] = dict(
            norm_cfg=norm_cfg or dict(type='BN'),
            attention_norm_cfg=attention_norm_cfg,
            norm_eval=norm_eval,
            with_cp=with_cp,
        )
        first = ARCHS[arch](in_channels=in_channels, **shared)
        c2, c3, c4 = first.channels
        widths = (c4 + c2, c2 + c3, c3 + c4)
        others = [
            SubNetwork(widths, first.channels, **shared) for _ in range(num_subnets - 1)
        ]
        self.subnets = nn.ModuleList([first, *others])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (N, 3, H, W) to enc2 of each sub-network, then its FC attention.

        Level i of both halves has strides 4 * 2**i and 16 * 2**i, and C2 and C4
        channels; sizes are rounded up.
        """
        first, *others = self.subnets
        enc2, enc3, enc4, fca = first(x)
        lows, highs = [enc2], [fca]
        for subnet in others:
            fine = _upsample(fca, enc2.shape[2:])
            enc2, enc3, enc4, fca = subnet((*fine, enc2), enc3, enc4)
            lows.append(enc2)
            highs.append(fca)
        return (*lows, *highs)


def _upsample(x: Tensor, size: torch.Size) -> list[Tensor]:
    # glibc hands memory of this size back after each use, and fetching it anew takes
    # longer than filling it: smaller pieces are memory that is still at hand.
    in_groups = (
        x.device.type == 'cpu'
        and not torch.compiler.is_compiling()
        and x.shape[:2].numel() * size.numel() * x.element_size() > KEPT_BYTES
    )
    groups = x.chunk(NUM_GROUPS if in_groups else 1, 1)
    return [resize(group, size, None, 'bilinear', False) for group in groups]
