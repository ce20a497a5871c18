"""A metric for the test of a study: the IoU of boundaries."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS

from mmseg_plugins.report.evaluation import iou_of_counts, mean_of_numbers


def boundary(mask: np.ndarray) -> np.ndarray:
    """Return where a mask is within 2 % of the image's diagonal of its outside.

    Args:
        mask: (H, W) uint8, 0 or 1; what lies beyond the image is outside.

    Returns:
        (H, W) bool.
    """
    distance = max(round(0.02 * float(np.hypot(*mask.shape))), 1)
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)
    return mask > eroded[1:-1, 1:-1]


@METRICS.register_module()
class BoundaryIoU(BaseMetric):
    """The IoU of the boundaries of labels and prediction, over all images together.

    Cheng et al., "Boundary IoU", CVPR 2021, for each class of a semantic segmentation;
    the mean over the classes. Pixels with the ignore index belong to no class in either
    map, so their border counts in both.
    """

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the boundary pixels of each class in a batch."""
        num_classes = len(self.dataset_meta['classes'])
        for sample in data_samples:
            truth, prediction = (
                sample[name]['data'][0].cpu().numpy()
                for name in ('gt_sem_seg', 'pred_sem_seg')
            )
            counts = np.zeros((3, num_classes), np.int64)
            for index in range(num_classes):
                labelled, predicted = (
                    boundary(((labels == index) & (truth < num_classes)).astype('u1'))
                    for labels in (truth, prediction)
                )
                both = labelled & predicted
                counts[:, index] = both.sum(), predicted.sum(), labelled.sum()
            self.results.append(counts)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Return ``boundary_iou``, 0 to 1."""
        return dict(boundary_iou=mean_of_numbers(iou_of_counts(*np.sum(results, 0))))
