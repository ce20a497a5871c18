"""A convolution of several maps as if they were concatenated."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class JoinedConv2d(nn.Conv2d):
    """An ordinary or a depthwise convolution that also takes a tuple of maps.

    It gives what it would on their concatenation, which is never made: a depthwise
    convolution treats each map alone and joins the results, smaller by its stride; an
    ordinary one adds up what each map contributes.

    Args:
        *args: See torch's ``Conv2d``.
        **kwargs: See torch's ``Conv2d``.

    Raises:
        ValueError: If it is grouped, but not depthwise.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (
            self.groups != 1
            and not self.groups == self.in_channels == self.out_channels
        ):
            raise ValueError(
                f'groups={self.groups} must be 1, or the number of input and of output '
                f'channels, {self.in_channels} and {self.out_channels}'
            )

    def forward(self, x: Tensor | tuple[Tensor, ...]) -> Tensor:
        """Map one or several (N, C_i, H, W), C_i adding up to C_in, to one map."""
        if isinstance(x, Tensor):
            return super().forward(x)
        channels = [each.shape[1] for each in x]
        if self.groups > 1:
            weights = self.weight.split(channels)
            biases = [None] * len(x) if self.bias is None else self.bias.split(channels)
            maps = [
                self._conv_depthwise(*each)
                for each in zip(x, weights, biases, strict=True)
            ]
            return torch.cat(maps, 1)
        first, *others = zip(x, self.weight.split(channels, 1), strict=True)
        total = self._conv_forward(*first, self.bias)
        for each, weight in others:
            total = total + self._conv_forward(each, weight, None)
        return total

    def _conv_depthwise(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return functional.conv2d(
            x, weight, bias, self.stride, self.padding, self.dilation, x.shape[1]
        )
