"""The Context Encoding Module of EncNet.

Paper: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018,
https://arxiv.org/abs/1803.08904.
Code:  zhanghang1989/PyTorch-Encoding, encoding/models/sseg/encnet.py, MIT.

Shapes: N batch, C channels, H and W the size of the feature map.
"""

import inspect
import math
from collections.abc import Callable
from functools import partial

import torch
from mmcv.cnn import ConvModule, build_norm_layer
from torch import Tensor, nn

from mmseg_plugins.layers import Encoding
from mmseg_plugins.registry import MODELS

ONE_DIMENSIONAL: dict[type, type] = {
    nn.BatchNorm2d: nn.BatchNorm1d,
    nn.InstanceNorm2d: nn.InstanceNorm1d,
}


class ContextEncoding(nn.Module):
    """The Context Encoding Module: encode a map, and gate its channels accordingly.

    Args:
        project: What the map passes through before it is encoded; keeps C.
        num_codes: Codewords of the encoding.
        norm_cfg: Of the map's norm; of its kind is the one of the codes.
    """

    def __init__(
        self, project: ConvModule, num_codes: int, norm_cfg: dict | None
    ) -> None:
        super().__init__()
        channels = project.out_channels
        self.encoding_project = project
        self.encoding = encoding_layer(channels, num_codes, norm_cfg)
        self.fc = nn.Sequential(nn.Linear(channels, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, C, H, W) to the gated (N, C, H, W) and the semantics (N, C)."""
        codes = self.encoding(self.encoding_project(x))
        semantics = codes.mean(1).to(self.fc[0].weight.dtype)
        gate = self.fc(semantics)[..., None, None]
        # The authors' code; the paper's Y is x * gate.
        return (x + x * gate).relu_(), semantics


def encoding_layer(
    channels: int, num_codes: int, norm_cfg: dict | None
) -> nn.Sequential:
    """Make what maps (N, C, H, W) to normalised codes, (N, num_codes, C)."""
    return _Float32Sequential(
        Encoding(channels, num_codes),
        build_norm_layer(_code_norm_cfg(norm_cfg, num_codes), num_codes)[1],
        nn.ReLU(inplace=True),
    )


class _Float32Sequential(nn.Sequential):
    """Keeps its weights in float32 when the model is turned to half precision.

    The codes are sums over all pixels: their running variance exceeds float16.
    """

    def _apply(self, fn: Callable, recurse: bool = True) -> nn.Module:
        return super()._apply(partial(_apply_in_float32, fn), recurse)


def _apply_in_float32(fn: Callable, tensor: Tensor) -> Tensor:
    result = fn(tensor)
    narrowed = result.dtype in (torch.float16, torch.bfloat16)
    return tensor.to(result.device) if narrowed else result


def _code_norm_cfg(norm_cfg: dict | None, num_codes: int) -> dict:
    """Return the config of the same norm for (N, num_codes, C)."""
    if norm_cfg is None:
        return dict(type=nn.BatchNorm1d)
    kind = norm_cfg['type']
    layer = kind if inspect.isclass(kind) else MODELS.get(kind)
    if issubclass(layer, nn.LayerNorm):
        raise ValueError(
            f'norm_cfg={norm_cfg} does not fit the codes: use BN, SyncBN or GN'
        )
    if layer is nn.GroupNorm:
        num_groups = math.gcd(norm_cfg['num_groups'], num_codes)
        return dict(norm_cfg, num_groups=num_groups)
    return dict(norm_cfg, type=ONE_DIMENSIONAL.get(layer, kind))
