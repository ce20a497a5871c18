"""Bilinear interpolation along one dimension, as a matrix."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def bilinear_matrix(source: int, target: int) -> Tensor:
    """Return a (target, source) matrix; row i holds the weights of output cell i.

    The centre of cell i is at i + 1/2. Beyond the outermost centres the border is
    repeated. This is ``align_corners=False``.
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
    """Return the matrix of ``align_corners=True``."""
    identity = torch.eye(source, dtype=torch.float64)[None]
    return interpolate(identity, size=target, mode='linear', align_corners=True)[0].T
