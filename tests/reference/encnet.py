"""EncNet's equations, written from the paper, slowly and plainly, in float64.

Smoothing factors are the paper's, which are positive where the code's scale is
negative. Nothing of mmseg_plugins is used.
"""

import math

import torch
from torch import Tensor


def encode(x: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """e_k = sum_i softmax_k(-s_k |r_ik|^2) r_ik of (B, D, N), every r_ik made.

    Returns:
        (B, K, D).
    """
    x, codewords, smoothing = x.double(), codewords.double(), smoothing.double()
    encoded = []
    for image in x:
        pixels = image.T
        r = pixels[:, None, :] - codewords[None, :, :]  # (N, K, D)
        exponents = -smoothing * (r * r).sum(2)
        exponents = exponents - exponents.max(1, keepdim=True).values
        shares = exponents.exp() / exponents.exp().sum(1, keepdim=True)
        encoded.append(sum(a[:, None] * b for a, b in zip(shares, r, strict=True)))
    return torch.stack(encoded)


def classes_in(labels: Tensor, num_classes: int, ignore_index: int) -> list[list[int]]:
    """1 for each class that at least one pixel of an image has, else 0."""
    found = [set(image.flatten().tolist()) - {ignore_index} for image in labels]
    return [[int(k in classes) for k in range(num_classes)] for classes in found]


def se_loss(logits: Tensor, presence: list[list[int]]) -> float:
    """The mean over images and classes of the binary cross-entropy."""
    terms = []
    for row, present in zip(logits.double().tolist(), presence, strict=True):
        for logit, is_present in zip(row, present, strict=True):
            prob = 1 / (1 + math.exp(-logit))
            terms.append(-math.log(prob if is_present else 1 - prob))
    return sum(terms) / len(terms)
