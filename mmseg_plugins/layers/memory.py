"""How a map lies in memory, and whether that may be asked."""

import torch
from torch import Tensor


def is_traced() -> bool:
    """Say whether a graph is being made: it must not depend on one input's memory."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def is_channels_last(x: Tensor) -> bool:
    """Say whether a map (N, C, H, W) has the channels of a cell side by side."""
    return not is_traced() and x.stride(1) == 1
