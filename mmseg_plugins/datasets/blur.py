"""Gaussian blur, which mmseg offers through albumentations only."""

import cv2
from mmcv.transforms import BaseTransform

from mmseg_plugins.registry import TRANSFORMS


@TRANSFORMS.register_module()
class GaussianBlur(BaseTransform):
    """Blur the image with OpenCV's Gaussian kernel; the labels stay.

    To blur only some of the images, put it into mmcv's ``RandomApply``.

    Args:
        kernel_size: Side of the kernel in pixels, odd. The SPNet code uses 5, which is
            (1, 4, 6, 4, 1) / 16 in each direction.

    Raises:
        ValueError: If ``kernel_size`` is not a positive odd number.
    """

    def __init__(self, kernel_size: int = 5) -> None:
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f'kernel_size={kernel_size}: must be odd and positive')
        self.kernel_size = kernel_size

    def transform(self, results: dict) -> dict:
        """Blur ``img`` (H, W, 3)."""
        size = self.kernel_size, self.kernel_size
        results['img'] = cv2.GaussianBlur(results['img'], size, 0)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(kernel_size={self.kernel_size})'
