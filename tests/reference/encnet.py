"""The equations of EncNet, written from the paper in float64, without mmseg_plugins.

The smoothing factors are those of the paper: positive where ``Encoding.scale`` is
negative.
"""

import math

import torch
from torch import Tensor


def encode(x: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """Compute e_k = sum_i softmax_k(-s_k |r_ik|^2) r_ik, with all residuals r_ik.

    Args:
        x: (B, D, N).
        codewords: (K, D).
        smoothing: (K,).

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
        weights = exponents.exp() / exponents.exp().sum(1, keepdim=True)
        encoded.append((weights[:, :, None] * r).sum(0))
    return torch.stack(encoded)


def classes_in(labels: Tensor, num_classes: int, ignore_index: int) -> list[list[int]]:
    """Return for each image and class 1 if a pixel has that class, else 0."""
    present = [set(image.flatten().tolist()) - {ignore_index} for image in labels]
    return [[int(k in classes) for k in range(num_classes)] for classes in present]


def se_loss(logits: Tensor, presence: list[list[int]]) -> float:
    """Return the mean over images and classes of the binary cross-entropy."""
    terms = []
    for row, present in zip(logits.double().tolist(), presence, strict=True):
        for logit, is_present in zip(row, present, strict=True):
            probability = 1 / (1 + math.exp(-logit))
            terms.append(-math.log(probability if is_present else 1 - probability))
    return sum(terms) / len(terms)
