"""What the tests of several heads share."""

from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor


def make_samples(labels: Tensor) -> list[SegDataSample]:
    """Wrap labels (N, H, W)."""
    return [SegDataSample(gt_sem_seg=PixelData(data=image[None])) for image in labels]


def relative_difference(actual: Tensor, expected: Tensor) -> float:
    """Return the largest difference, divided by the largest expected value."""
    return ((actual - expected).abs().max() / expected.abs().max()).item()
