"""A convolution and a batch norm that are one convolution at inference."""

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn.modules.module import _global_forward_hooks, _global_forward_pre_hooks
from torch.nn.utils.fusion import fuse_conv_bn_weights

from .memory import is_channels_last, is_traced

BATCH_NORMS = (nn.BatchNorm2d.forward, nn.SyncBatchNorm.forward)


class FoldingConvModule(ConvModule):
    """mmcv's module that normalises its weights instead of the map, at inference.

    That is, on a CPU, in evaluation and without gradients, where the weights are fewer
    than the map's numbers: it is less work then, and needs a map less. This is done
    anew in each pass, so that weights and statistics may change at any time. Graphs
    that are compiled or exported stay as they are, as do modules with hooks or with a
    ``forward`` of their own, which want to see the map before its norm, and those of
    other convolutions or norms.

    mmcv's own ``efficient_conv_bn_eval=True`` folds whatever the sizes, and exchanges
    the convolution's ``forward`` during the call, which two threads must not do at a
    time.
    """

    def forward(self, x: Tensor, activate: bool = True, norm: bool = True) -> Tensor:
        """Map (N, C_in, H, W) as mmcv's module does."""
        if not norm or not self._folds(x):
            return super().forward(x, activate, norm)
        x = self.conv._conv_forward(x, *self._folded())
        return self._activated(x) if activate else x

    def halves(self, x: Tensor) -> list[Tensor]:
        """Map (N, C_in, H, W) to the halves of its output's channels, each contiguous.

        The activation must treat each channel alike.
        """
        if is_traced():
            return [*self(x).chunk(2, 1)]
        if _is_touched(self) or self.groups > 1 or not self._folds(x):
            # The activation is of the copies: they are all that is kept for gradients.
            halves = self(x, activate=False).chunk(2, 1)
            return [self._activated(_copy(half)) for half in halves]
        weights, biases = (tensor.chunk(2) for tensor in self._folded())
        return [
            self._activated(self.conv._conv_forward(x, weight, bias))
            for weight, bias in zip(weights, biases, strict=True)
        ]

    def _activated(self, x: Tensor) -> Tensor:
        return self.activate(x) if self.with_activation else x

    def _folded(self) -> tuple[Tensor, Tensor]:
        conv, norm = self.conv, self.norm
        statistics = norm.running_mean, norm.running_var, norm.eps
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, *statistics, norm.weight, norm.bias
        )
        return weight.detach(), bias.detach()  # autocast would keep a parameter's copy

    def _folds(self, x: Tensor) -> bool:
        conv, norm = self.conv, self.norm
        return (
            not torch.is_grad_enabled()
            and not is_traced()
            and x.device.type == 'cpu'
            and self.order == ('conv', 'norm', 'act')
            and not self.with_explicit_padding
            and type(conv) is nn.Conv2d
            and type(norm).forward in BATCH_NORMS
            and not norm.training
            and norm.track_running_stats
            and not (_is_touched(conv) or _is_touched(norm))
            and conv.weight.numel() < x[:, 0].numel() * conv.out_channels
        )


def _copy(x: Tensor) -> Tensor:
    last = is_channels_last(x)
    layout = torch.channels_last if last else torch.contiguous_format
    return x.clone(memory_format=layout)


def _is_touched(module: nn.Module) -> bool:
    """Say whether somebody looks at the module's maps, or has replaced its forward."""
    return bool(
        module._forward_pre_hooks
        or module._forward_hooks
        or _global_forward_pre_hooks
        or _global_forward_hooks
        or 'forward' in vars(module)
    )
