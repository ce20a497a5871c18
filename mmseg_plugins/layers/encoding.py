"""The encoding layer of EncNet: residuals to learned codewords, summed over pixels.

Paper: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018,
https://arxiv.org/abs/1803.08904, Sec. 3.1.
Code:  zhanghang1989/PyTorch-Encoding, encoding/nn/encoding.py, MIT: the smoothing
factors are stored with the opposite sign, as ``scale``.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn


class Encoding(nn.Module):
    """Encode a map of N pixels by its residuals to K learned codewords.

    With the codewords c_k and the scales s_k, which are initially negative::

        a_nk = softmax over k of s_k |x_n - c_k|^2
        e_k  = sum over n of a_nk (x_n - c_k)

    Distances and sums are matrix products, so no tensor of B x N x K x D values is ever
    made. The result is at least float32, also inside autocast and with half-precision
    weights, because a sum over all pixels exceeds the range of float16.

    Args:
        channels: D, at least 1.
        num_codes: K, at least 1.
    """

    def __init__(self, channels: int, num_codes: int) -> None:
        super().__init__()
        if channels < 1 or num_codes < 1:
            raise ValueError(
                f'channels={channels}, num_codes={num_codes}: both must be at least 1'
            )
        std = (num_codes * channels) ** -0.5
        codewords = torch.empty(num_codes, channels).uniform_(-std, std)
        self.codewords = nn.Parameter(codewords)
        self.scale = nn.Parameter(torch.empty(num_codes).uniform_(-1, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, D, H, W) or (B, D, N) to (B, K, D)."""
        return _encode(x, self.codewords, self.scale)

    def assignment(self, x: Tensor) -> Tensor:
        """Map (B, D, H, W) or (B, D, N) to the weights a, (B, K, H, W) or (B, K, N)."""
        with _autocast_off(x.device.type):
            weights = _assign(*_flatten_to_float32(x, self.codewords, self.scale))
        return weights.unflatten(2, x.shape[2:])

    def extra_repr(self) -> str:
        """Show the sizes."""
        num_codes, channels = self.codewords.shape
        return f'channels={channels}, num_codes={num_codes}'


@torch.fx.wrap  # one node in a symbolic trace, since it asks for shapes and dtypes
def _encode(x: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
    channels = codewords.shape[1]
    if x.dim() not in (3, 4) or x.shape[1] != channels:
        raise ValueError(
            f'x has shape {tuple(x.shape)}: must be (B, {channels}, H, W) or '
            f'(B, {channels}, N)'
        )
    with _autocast_off(x.device.type):
        x, codewords, scale = _flatten_to_float32(x, codewords, scale)
        weights = _assign(x, codewords, scale)
        sums = torch.bmm(weights, x.transpose(1, 2))
        return sums - weights.sum(2, keepdim=True) * codewords


def _assign(x: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
    """Return the weights a_nk, (B, K, N), of x, (B, D, N)."""
    # |x - c|^2 = |x|^2 + |c|^2 - 2 x c, by baddbmm, because matmul would copy x.
    squares = x.square().sum(1, keepdim=True) + codewords.square().sum(1, keepdim=True)
    repeated = codewords.expand(x.shape[0], -1, -1)
    distances = torch.baddbmm(squares, repeated, x, alpha=-2)
    return (scale[:, None] * distances).softmax(1)


def _flatten_to_float32(x: Tensor, *weights: Tensor) -> list[Tensor]:
    """Flatten x to (B, D, N), and cast all tensors to float32 or to x's float64."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return [tensor.to(dtype) for tensor in (x.flatten(2), *weights)]


def _autocast_off(device_type: str) -> AbstractContextManager:
    try:
        return torch.autocast(device_type, enabled=False)
    except RuntimeError:  # this type of device has no autocast
        return nullcontext()
