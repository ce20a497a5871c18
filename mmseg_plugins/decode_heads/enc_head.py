"""The decode head of EncNet: channels gated by a global encoding of the image.

Paper: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018,
https://arxiv.org/abs/1803.08904, Sec. 3.
Code:  zhanghang1989/PyTorch-Encoding, encoding/models/sseg/encnet.py, MIT; differs
here in: the dropout before the classifier, which is mmseg's ``Dropout2d``.

Shapes: N batch, C channels, K classes, H and W the size of the feature map.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from mmcv.cnn import ConvModule, build_norm_layer
from mmseg.models.utils import resize
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.layers import Encoding
from mmseg_plugins.losses import SELoss
from mmseg_plugins.registry import MODELS

from .level_checks import MultiLevelHead, check_lists


@MODELS.register_module()
class EncHead(MultiLevelHead):
    """Gate the channels of a map by its encoding, and classify each cell.

    It has the arguments, weights and keys of mmseg's head of this name, and needs less
    memory and time. The encoding also predicts which classes occur in the image: for
    the SE-loss in training, and through :meth:`presence` afterwards. With
    ``num_classes=2, out_channels=1`` it predicts the presence of labels 0 and 1, as
    mmseg's head does; with ``num_classes=1`` that of label 1.

    Args:
        in_channels: Channels of the levels; the last level is encoded.
        in_index: Indices of the levels among the backbone's outputs.
        num_codes: Number of codewords; 32 in the paper.
        use_se_loss: Whether the head has a presence classifier and the SE-loss.
        add_lateral: Whether the other levels are fused with the last one, as in the
            authors' networks for Pascal VOC and Pascal Context.
        loss_decode: Config of the segmentation loss; mmseg's ``CrossEntropyLoss`` by
            default.
        loss_se_decode: Config of the SE-loss, or a list of configs; :class:`SELoss` by
            default. Any other loss is called with presence logits and presence, both
            (N, K), and logged as ``loss_se``.
        **kwargs: See mmseg's ``BaseDecodeHead``. The codes get the same type of norm as
            the maps, or batch norm if ``norm_cfg`` is None.

    Raises:
        ValueError: If the lists differ in length, ``num_codes`` is less than 1, or
            ``norm_cfg`` is a layer norm.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        in_index: Sequence[int],
        num_codes: int = 32,
        use_se_loss: bool = True,
        add_lateral: bool = False,
        loss_decode: dict | Sequence[dict] | None = None,
        loss_se_decode: dict | Sequence[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        check_lists('encoded level last', in_channels=in_channels, in_index=in_index)
        super().__init__(
            in_channels=in_channels,
            in_index=in_index,
            loss_decode=loss_decode or dict(type='mmseg.CrossEntropyLoss'),
            **kwargs,
        )
        self.use_se_loss = use_se_loss
        self.add_lateral = add_lateral
        conv = partial(ConvModule, out_channels=self.channels, **self.layer_cfgs)
        self.bottleneck = conv(in_channels[-1], kernel_size=3, padding=1)
        if add_lateral:
            self.lateral_convs = nn.ModuleList(
                conv(width, kernel_size=1) for width in in_channels[:-1]
            )
            total = len(in_channels) * self.channels
            self.fusion = conv(total, kernel_size=3, padding=1)
        self.enc_module = ContextEncoding(
            conv(self.channels, kernel_size=1), num_codes, self.norm_cfg
        )
        if use_se_loss:
            self.loss_se_decode = _build_se_losses(loss_se_decode)
            self.se_layer = nn.Linear(self.channels, self.num_classes)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, H, W)."""
        x, _ = self._encode(inputs)
        return self.cls_seg(x)

    def presence(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to the probability of each class, (N, K)."""
        if not self.use_se_loss:
            raise ValueError('use_se_loss=False: must be True to predict presence')
        _, semantics = self._encode(inputs)
        return self.se_layer(semantics).float().sigmoid()

    def loss(
        self, inputs: Sequence[Tensor], batch_data_samples: list, train_cfg: dict
    ) -> dict:
        """Compute the losses of mmseg's head and, from the encoding, the SE-loss."""
        x, semantics = self._encode(inputs)
        losses = self.loss_by_feat(self.cls_seg(x), batch_data_samples)
        if self.use_se_loss:
            labels = self._stack_batch_gt(batch_data_samples)
            logits = self.se_layer(semantics)
            for loss in self.loss_se_decode:
                value = loss(logits, labels, ignore_index=self.ignore_index)
                losses[loss.loss_name] = losses.get(loss.loss_name, 0) + value
        return losses

    def _encode(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the gated map (N, C, H, W) and the encoded semantics (N, C)."""
        *levels, last = self._transform_inputs(inputs)
        x = self.bottleneck(last)
        if self.add_lateral:
            size = x.shape[2:]
            laterals = [
                resize(conv(level), size, None, 'bilinear', self.align_corners, False)
                for conv, level in zip(self.lateral_convs, levels, strict=True)
            ]
            x = self.fusion(torch.cat([x, *laterals], 1))
        return self.enc_module(x)


class ContextEncoding(nn.Module):
    """The Context Encoding Module: encode a map, and gate its channels accordingly.

    Args:
        project: Layers before the encoding; they keep the C channels.
        num_codes: Number of codewords.
        norm_cfg: Config of the norm layers; the codes get the same kind of norm.
    """

    def __init__(
        self, project: ConvModule, num_codes: int, norm_cfg: dict | None
    ) -> None:
        super().__init__()
        channels = project.out_channels
        self.encoding_project = project
        self.encoding = encoding_layers(channels, num_codes, norm_cfg)
        self.fc = nn.Sequential(nn.Linear(channels, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, C, H, W) to the gated (N, C, H, W) and the semantics (N, C)."""
        codes = self.encoding(self.encoding_project(x))
        semantics = codes.mean(1).type_as(x)
        gate = self.fc(semantics)[..., None, None]
        # As in the authors' code; the paper's output is x * gate.
        return functional.relu(x + x * gate), semantics


def encoding_layers(channels: int, num_codes: int, norm_cfg: dict | None) -> nn.Module:
    """Make the layers that map (N, C, H, W) to normalised codes (N, num_codes, C)."""
    return _Float32Sequential(
        Encoding(channels, num_codes),
        build_norm_layer(_code_norm_cfg(norm_cfg, num_codes), num_codes)[1],
        nn.ReLU(inplace=True),
    )


class _Float32Sequential(nn.Sequential):
    """Keeps its weights in float32 when the model is converted to half precision.

    The codes are sums over all pixels: their running variance exceeds float16.
    """

    def _apply(self, fn: Callable, recurse: bool = True) -> nn.Module:
        return super()._apply(partial(_apply_but_keep_float32, fn), recurse)


def _apply_but_keep_float32(fn: Callable, tensor: Tensor) -> Tensor:
    result = fn(tensor)
    is_half = result.dtype in (torch.float16, torch.bfloat16)
    return tensor.to(result.device) if is_half else result


def _code_norm_cfg(norm_cfg: dict | None, num_codes: int) -> dict:
    """Return the config of the same kind of norm for (N, num_codes, C)."""
    if norm_cfg is None:
        return dict(type=nn.BatchNorm1d)
    kind = norm_cfg['type']
    layer = kind if inspect.isclass(kind) else MODELS.get(kind)
    if issubclass(layer, nn.LayerNorm):
        raise ValueError(f'norm_cfg={norm_cfg}: must be BN, SyncBN, IN or GN')
    if layer is nn.GroupNorm:
        num_groups = math.gcd(norm_cfg['num_groups'], num_codes)
        return dict(norm_cfg, num_groups=num_groups)
    one_dimensional: dict[type, type] = {
        nn.BatchNorm2d: nn.BatchNorm1d,
        nn.InstanceNorm2d: nn.InstanceNorm1d,
    }
    return dict(norm_cfg, type=one_dimensional.get(layer, kind))


def _build_se_losses(cfg: dict | Sequence[dict] | None) -> nn.ModuleList:
    if cfg is None:
        return nn.ModuleList([SELoss()])
    losses = nn.ModuleList()
    for loss_cfg in [cfg] if isinstance(cfg, dict) else cfg:
        loss = MODELS.build(loss_cfg)
        if not isinstance(loss, SELoss):
            loss = SELoss(criterion=loss_cfg, loss_weight=1.0)
        losses.append(loss)
    return losses
