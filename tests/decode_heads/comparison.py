"""What the tests of several heads and layers share."""

from collections.abc import Iterable

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn


def make_samples(labels: Tensor) -> list[SegDataSample]:
    """Wrap labels (N, H, W)."""
    return [SegDataSample(gt_sem_seg=PixelData(data=image[None])) for image in labels]


def relative_difference(actual: Tensor, expected: Tensor) -> float:
    """Return the largest difference, divided by the largest expected value."""
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def copy_weights(module: nn.Module) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Return a copy of the state dict, and those tensors in it that are trained."""
    state = {key: value.detach().clone() for key, value in module.state_dict().items()}
    return state, [
        state[name].requires_grad_() for name, _ in module.named_parameters()
    ]


def relative_differences(
    actual: Tensor,
    expected: Tensor,
    sources: Iterable[Tensor],
    expected_sources: Iterable[Tensor],
) -> tuple[float, float]:
    """Compare two results, and their gradients relative to the largest of all."""
    torch.manual_seed(2)
    factor = torch.randn_like(expected)
    gradients = torch.autograd.grad(actual, [*sources], factor)
    expected_gradients = torch.autograd.grad(expected, [*expected_sources], factor)
    largest = max(gradient.abs().max() for gradient in expected_gradients)
    pairs = zip(gradients, expected_gradients, strict=True)
    difference = max((a - b).abs().max() for a, b in pairs) / largest
    return relative_difference(actual, expected), difference.item()
