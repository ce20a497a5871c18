"""The backbone of DFANet: light Xceptions that refine one another.

Paper: Li, Xiong, Fan, Sun, "DFANet: Deep Feature Aggregation for Real-Time Semantic
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.02216, Fig. 3. The authors
published no code; the order of the concatenations is not in the paper.

Shapes: N batch, C2, C3, C4 channels of enc2, enc3, enc4, H and W the size of the image.
"""

from typing import Any, Literal

import torch
from mmseg.models.utils import resize
from torch import Tensor, nn

from mmseg_plugins.registry import MODELS

from .base_backbone import BaseBackbone
from .xception import CONV1_CHANNELS, SubNetwork, XceptionA, XceptionB, make_conv1

CHANNELS = {'A': XceptionA.channels, 'B': XceptionB.channels}


@MODELS.register_module()
class DFANet(BaseBackbone):
    """Aggregate sub-networks: each one refines the features of the one before.

    The input of the first sub-network is conv1. In the others, the inputs are:

    - of enc2: the upsampled attention and enc2 of the previous sub-network;
    - of enc3: enc2, and enc3 of the previous sub-network;
    - of enc4: enc3, and enc4 of the previous sub-network.

    Any image size works. In training, batch norm needs two values per channel: a batch
    of two, or an image side above ``8 * 2**num_subnets`` pixels (64 for three).

    Args:
        arch: ``'A'`` for the widths of XceptionA (48, 96, 192), ``'B'`` for those of
            XceptionB (32, 64, 128).
        num_subnets: Number of sub-networks, at least 1; 1 to 4 in the paper's Table 3.
        in_channels: Channels of the image; see :func:`fit_input_channels`.
        frozen_stages: Stages up to this one neither train nor update their batch norm:
            1 is conv1, 2 the first sub-network, and so on; -1 or 0 for none. Attentions
            always train, because no classifier has weights of them.
        norm_cfg: Config of all norm layers except those of the attention.
        norm_eval: Keep batch norm on its running statistics while training.
        init_cfg: See mmengine's ``BaseModule``.
        **kwargs: ``zero_init_residual``, ``with_attention``, ``attention_norm_cfg`` and
            ``with_cp`` of :class:`SubNetwork`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        *,
        arch: Literal['A', 'B'] = 'A',
        num_subnets: int = 3,
        in_channels: int = 3,
        frozen_stages: int = -1,
        norm_cfg: dict | None = None,
        norm_eval: bool = False,
        init_cfg: dict | list[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        if arch not in CHANNELS:
            raise ValueError(f"arch={arch!r}: must be 'A' or 'B'")
        if num_subnets < 1:
            raise ValueError(f'num_subnets={num_subnets}: must be at least 1')
        stages = [['conv1']]
        for i in range(num_subnets):
            stages.append([f'subnets.{i}.{name}' for name in ('enc2', 'enc3', 'enc4')])
        super().__init__(stages, in_channels, frozen_stages, norm_eval, init_cfg)
        norm_cfg = norm_cfg or dict(type='BN')
        self.conv1 = make_conv1(in_channels, norm_cfg)
        c2, c3, c4 = CHANNELS[arch]
        first, later = (CONV1_CHANNELS, c2, c3), (c4 + c2, c2 + c3, c3 + c4)
        self.subnets = nn.ModuleList(
            SubNetwork(widths, (c2, c3, c4), norm_cfg, **kwargs)
            for widths in [first] + [later] * (num_subnets - 1)
        )
        self._freeze_stages()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return enc2 of all sub-networks, then their attention outputs.

        enc2 of sub-network i has stride 4 * 2**i and C2 channels, its attention output
        stride 16 * 2**i and C4 channels. Sizes are rounded up.
        """
        first, *others = self.subnets
        enc2, enc3, enc4, attended = first(self.conv1(x))
        lows, highs = [enc2], [attended]
        for subnet in others:
            upsampled = resize(attended, enc2.shape[2:], None, 'bilinear', False)
            x = torch.cat([upsampled, enc2], 1)
            enc2, enc3, enc4, attended = subnet(x, enc3, enc4)
            lows.append(enc2)
            highs.append(attended)
        return (*lows, *highs)
