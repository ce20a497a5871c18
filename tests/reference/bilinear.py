"""Bilinear interpolation of one dimension, as a matrix: half-pixel and aligned."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def bilinear_matrix(source: int, target: int) -> Tensor:
    """(target, source): row i holds the weights of output cell i.

    Cell centres lie at i + 1/2; beyond the outermost centres the border is repeated.
    """
    matrix = torch.zeros(target, source, dtype=torch.float64)
    for i in range(target):
        position = (i + 0.5) * source / target - 0.5
        position = min(max(position, 0.0), source - 1.0)
        left = min(int(position), source - 1)
        right = min(left + 1, source - 1)
        matrix[i, left] += 1 - (position - left)
        matrix[i, right] += position - left
    return matrix


def aligned_matrix(source: int, target: int) -> Tensor:
    """The same with aligned corners: the control of those who do not align them."""
    identity = torch.eye(source, dtype=torch.float64)[None]
    return interpolate(identity, size=target, mode='linear', align_corners=True)[0].T
