"""A convolution of several maps as if they were concatenated."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class JoinedConv2d(nn.Conv2d):
    """A depthwise or a 1 x 1 convolution that also takes a tuple of maps.

    It gives what it would on their concatenation, of which it makes only what is left
    by its stride: a depthwise convolution treats each map alone and joins the results,
    a 1 x 1 one joins the cells that it looks at.

    Args:
        *args: See torch's ``Conv2d``.
        **kwargs: See torch's ``Conv2d``.

    Raises:
        ValueError: If it is neither depthwise nor an unpadded 1 x 1 of one group.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        depthwise = self.groups == self.in_channels == self.out_channels
        pointwise = (*self.kernel_size, self.groups, self.padding) == (1, 1, 1, (0, 0))
        if not depthwise and not pointwise:
            raise ValueError(
                f'kernel_size={self.kernel_size}, groups={self.groups} and padding='
                f'{self.padding} must be those of an unpadded 1 x 1 convolution, or '
                f'groups the number of input and of output channels, '
                f'{self.in_channels} and {self.out_channels}'
            )

    def forward(self, x: Tensor | tuple[Tensor, ...]) -> Tensor:
        """Map one or several (N, C_i, H, W), C_i adding up to C_in, to one map."""
        if isinstance(x, Tensor):
            return super().forward(x)
        if self.groups == 1:
            rows, columns = self.stride
            seen = torch.cat([each[:, :, ::rows, ::columns] for each in x], 1)
            return functional.conv2d(seen, self.weight, self.bias)
        channels = [each.shape[1] for each in x]
        weights = self.weight.split(channels)
        biases = [None] * len(x) if self.bias is None else self.bias.split(channels)
        maps = [
            functional.conv2d(
                each,
                weight,
                bias,
                self.stride,
                self.padding,
                self.dilation,
                len(weight),
            )
            for each, weight, bias in zip(x, weights, biases, strict=True)
        ]
        return torch.cat(maps, 1)
