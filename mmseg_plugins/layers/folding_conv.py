"""A convolution and a batch norm that are one convolution at inference."""

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

from .memory import is_channels_last, is_traced


class FoldingConvModule(ConvModule):
    """mmcv's module that normalises its weights instead of the map, at inference.

    That is, in evaluation and without gradients, where the weights are fewer than the
    map's numbers: it is less work then, and needs a map less. The weights are folded
    anew in each pass, so that they and the statistics may change at any time. Graphs
    that are compiled or exported stay as they are, as do modules with hooks, which want
    to see the map before its norm, and those of other convolutions or norms.

    mmcv's own ``efficient_conv_bn_eval=True`` folds whatever the sizes, and exchanges
    the convolution's ``forward`` during the call, which two threads must not do at a
    time.
    """

    def forward(self, x: Tensor, activate: bool = True, norm: bool = True) -> Tensor:
        """Map (N, C_in, H, W) as mmcv's module does."""
        if not norm or not self._folds(x):
            return super().forward(x, activate, norm)
        return self._convolve(x, *self._folded(), activate)

    def halves(self, x: Tensor) -> list[Tensor]:
        """Map (N, C_in, H, W) to the halves of its output's channels, each contiguous.

        All that takes a half that is not would make a copy of its own.
        """
        if not self._folds(x):
            return [_contiguous(half) for half in self(x).chunk(2, 1)]
        weights, biases = (tensor.chunk(2) for tensor in self._folded())
        return [
            self._convolve(x, weight, bias)
            for weight, bias in zip(weights, biases, strict=True)
        ]

    def _convolve(
        self, x: Tensor, weight: Tensor, bias: Tensor, activate: bool = True
    ) -> Tensor:
        x = self.conv._conv_forward(x, weight, bias)
        return self.activate(x) if activate and self.with_activation else x

    def _folded(self) -> tuple[Tensor, Tensor]:
        conv, norm = self.conv, self.norm
        statistics = norm.running_mean, norm.running_var, norm.eps
        return fuse_conv_bn_weights(
            conv.weight, conv.bias, *statistics, norm.weight, norm.bias
        )

    def _folds(self, x: Tensor) -> bool:
        conv, norm = self.conv, self.norm
        return (
            not torch.is_grad_enabled()
            and not is_traced()
            and type(conv) is nn.Conv2d
            and isinstance(norm, _BatchNorm)
            and not norm.training
            and norm.track_running_stats
            and not (_is_hooked(conv) or _is_hooked(norm))
            and conv.weight.numel() < x[:, 0].numel() * conv.out_channels
        )


def _contiguous(x: Tensor) -> Tensor:
    last = is_channels_last(x)
    layout = torch.channels_last if last else torch.contiguous_format
    return x.contiguous(memory_format=layout)


def _is_hooked(module: nn.Module) -> bool:
    return bool(module._forward_pre_hooks or module._forward_hooks)
