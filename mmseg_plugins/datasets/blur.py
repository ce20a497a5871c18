"""Gaussian blur, which the host has only through albumentations."""

import cv2
from mmcv.transforms import BaseTransform

from mmseg_plugins.registry import TRANSFORMS


@TRANSFORMS.register_module()
class GaussianBlur(BaseTransform):
    """Blur the image with a Gaussian kernel; the labels stay.

    The kernel is OpenCV's for the size: (1, 4, 6, 4, 1) / 16 each way for 5, the SPNet
    code's size. To blur some images only, put it into the host's ``RandomApply``.

    Args:
        kernel_size: Pixels a side of the kernel, odd.

    Raises:
        ValueError: If ``kernel_size`` is not a positive odd number.
    """

    def __init__(self, kernel_size: int = 5) -> None:
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f'kernel_size={kernel_size} must be 1, 3, 5 or so')
        self.kernel_size = kernel_size

    def transform(self, results: dict) -> dict:
        """Replace ``img`` (H, W, 3) in ``results``."""
        size = (self.kernel_size, self.kernel_size)
        results['img'] = cv2.GaussianBlur(results['img'], size, 0)
        return results

    def __repr__(self) -> str:
        """Show the kernel size."""
        return f'{type(self).__name__}(kernel_size={self.kernel_size})'
