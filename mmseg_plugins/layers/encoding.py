"""The encoding layer of EncNet: residuals to learned codewords, summed over pixels.

Paper: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018,
https://arxiv.org/abs/1803.08904.
Code:  zhanghang1989/PyTorch-Encoding, encoding/nn/encoding.py, MIT: the smoothing
factors are stored with the opposite sign, as ``scale``.

Shapes: B batch, D channels, N pixels, K codewords.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Encoding(nn.Module):
    """Encode a map by what it adds to each of K learned codewords.

    With the codewords c_k and the scales s_k, which are negative at first::

        a_nk = softmax over k of s_k |x_n - c_k|^2
        e_k  = sum over n of a_nk (x_n - c_k)

    Distances and sums are products of matrices, forwards and backwards: beside its
    input the layer keeps 2 (B, K, N) tensors for the backward pass, and at no time
    makes one of size B x N x K x D.

    The result is float32 at least, also inside autocast and with half weights: a sum
    over all pixels exceeds the range of float16.

    Args:
        channels: D.
        num_codes: K.
    """

    def __init__(self, channels: int, num_codes: int) -> None:
        super().__init__()
        if channels < 1 or num_codes < 1:
            raise ValueError(
                f'channels={channels} and num_codes={num_codes} must be at least 1'
            )
        self.channels = channels
        self.num_codes = num_codes
        std = (num_codes * channels) ** -0.5
        self.codewords = nn.Parameter(
            torch.empty(num_codes, channels).uniform_(-std, std)
        )
        self.scale = nn.Parameter(torch.empty(num_codes).uniform_(-1, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, D, H, W) or (B, D, N) to (B, K, D)."""
        # TorchScript, and with it the older ONNX exporter, cannot hold a Function.
        return self._call(_encode if torch.jit.is_tracing() else _Encode.apply, x)

    def assignment(self, x: Tensor) -> Tensor:
        """Map (B, D, H, W) or (B, D, N) to a, (B, K, H, W) or (B, K, N)."""
        return self._call(_assign, x)[1].unflatten(2, x.shape[2:])

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f'channels={self.channels}, num_codes={self.num_codes}'

    def _call(self, function: Callable, x: Tensor) -> Any:
        if x.dim() not in (3, 4) or x.shape[1] != self.channels:
            raise ValueError(
                f'the input has shape {tuple(x.shape)}: give (B, {self.channels}, H, '
                f'W) or (B, {self.channels}, N)'
            )
        dtype = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            return function(
                x.flatten(2).to(dtype), self.codewords.to(dtype), self.scale.to(dtype)
            )


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
        distances, weights = _assign(x, codewords, scale)
        ctx.save_for_backward(x, codewords, scale, distances, weights)
        return _sum_residuals(x, codewords, weights)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, codewords, scale, distances, weights = ctx.saved_tensors
        with torch.autocast(x.device.type, enabled=False):
            if torch.is_grad_enabled():  # for a second derivative through them
                distances, weights = _assign(x, codewords, scale)
            return _gradients(x, codewords, scale, distances, weights, grad)


def _encode(x: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
    return _sum_residuals(x, codewords, _assign(x, codewords, scale)[1])


def _assign(x: Tensor, codewords: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Return |x_n - c_k|^2 and a_nk, both (B, K, N)."""
    # In pieces, a square of all of x would be as large as x.
    starts = range(0, codewords.shape[1], 64)
    squares = torch.stack([x[:, i : i + 64].square().sum(1) for i in starts]).sum(0)
    norms = squares[:, None] + codewords.square().sum(1, keepdim=True)
    distances = torch.baddbmm(norms, _repeat(codewords, x), x, alpha=-2)
    return distances, _without_traces((scale[:, None] * distances).softmax(1))


def _without_traces(x: Tensor) -> Tensor:
    """Make zero what is too little to change a sum of numbers of ordinary size.

    Most codewords weigh next to nothing at a pixel. Products with numbers below the
    normal range take a CPU ten times as long.
    """
    limits = torch.finfo(x.dtype)
    return x.masked_fill(x.abs() < limits.tiny / limits.eps, 0)


def _sum_residuals(x: Tensor, codewords: Tensor, weights: Tensor) -> Tensor:
    sums = torch.bmm(weights, x.transpose(1, 2))
    return sums - weights.sum(2, keepdim=True) * codewords


def _gradients(
    x: Tensor,
    codewords: Tensor,
    scale: Tensor,
    distances: Tensor,
    weights: Tensor,
    grad: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, codewords and scale for that of e, (B, K, D)."""
    to_weights = torch.baddbmm(-(grad * codewords).sum(2, keepdim=True), grad, x)
    to_weights = to_weights - (weights * to_weights).sum(1, keepdim=True)
    to_logits = _without_traces(weights * to_weights)
    to_scale = (to_logits * distances).sum((0, 2))
    pull = 2 * scale[:, None] * to_logits  # towards each codeword
    left = torch.cat([grad, -_repeat(codewords, x)], 1).transpose(1, 2)
    to_x = x * pull.sum(1, keepdim=True)
    to_x.baddbmm_(left, torch.cat([weights, pull], 1))
    to_codewords = (
        pull.sum((0, 2))[:, None] * codewords
        - torch.bmm(pull, x.transpose(1, 2)).sum(0)
        - (weights.sum(2, keepdim=True) * grad).sum(0)
    )
    return to_x, to_codewords, to_scale


def _repeat(codewords: Tensor, x: Tensor) -> Tensor:
    # bmm, since matmul folds the batch into one matrix by copying x.
    return codewords.expand(x.shape[0], -1, -1)
