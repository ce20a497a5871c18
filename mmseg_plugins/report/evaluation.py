"""Pixel counts of one evaluation, for each image: what report and comparison read."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mmseg_plugins.run_folder import TRAINED


@dataclass
class Evaluation:
    """Pixel counts of one network on one data set, of N images and C classes.

    Pixels with the ignore index are not counted.

    Attributes:
        names: (N,) file names of the images.
        intersection: (N, C) int64, pixels of each class that are predicted right.
        predicted: (N, C) int64, pixels predicted as each class.
        labelled: (N, C) int64, pixels labelled as each class.
        confusion: (C, C) int64, sum over all images. Rows are the labelled classes,
            columns the predicted ones.
        classes: (C,) class names.
        palette: (C, 3) uint8, RGB.
    """

    names: np.ndarray
    intersection: np.ndarray
    predicted: np.ndarray
    labelled: np.ndarray
    confusion: np.ndarray
    classes: np.ndarray
    palette: np.ndarray

    @classmethod
    def load(cls, run: str | Path) -> 'Evaluation':
        """Read ``RUN/report/evaluation.npz`` of a run, see :func:`report_folder`.

        Raises:
            ValueError: If the run has no evaluation, or its file is damaged.
        """
        path = report_folder(run) / 'report' / 'evaluation.npz'
        fix = f'make it with: mmseg-plugins report {run} --test'
        if not path.is_file():
            raise ValueError(f'{path} does not exist: {fix}')
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(**{name: arrays[name] for name in cls.__annotations__})
        except (BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
            raise ValueError(f'{path} is damaged ({error}): {fix}') from error

    def save(self, folder: str | Path) -> None:
        """Write ``evaluation.npz`` into a folder, which exists."""
        np.savez_compressed(Path(folder) / 'evaluation.npz', **vars(self))

    def iou(self) -> np.ndarray:
        """Return the (C,) IoU of each class, 0 to 1, over all images together.

        The numbers are those of mmseg's IoUMetric. A class that is neither labelled
        nor predicted is NaN.
        """
        return iou_of_counts(
            self.intersection.sum(0), self.predicted.sum(0), self.labelled.sum(0)
        )

    def image_iou(self) -> np.ndarray:
        """Return the (N, C) IoU of each class in each image; NaN where it is absent."""
        return iou_of_counts(self.intersection, self.predicted, self.labelled)

    def accuracy(self) -> np.ndarray:
        """Return the (C,) share of each class's labelled pixels predicted right."""
        return divide(self.intersection.sum(0), self.labelled.sum(0))

    def miou(self) -> float:
        """Return the mean of :meth:`iou` over the classes that are not NaN."""
        return mean_of_numbers(self.iou())

    def macc(self) -> float:
        """Return the mean of :meth:`accuracy` over the classes that are not NaN."""
        return mean_of_numbers(self.accuracy())

    def aacc(self) -> float:
        """Return the share of all labelled pixels that are predicted right."""
        return float(divide(self.intersection.sum(), self.labelled.sum()))


def report_folder(run: str | Path) -> Path:
    """Return the folder with the report of a run; for ``scenes`` it is in work_dirs."""
    return Path('work_dirs', run) if run in TRAINED else Path(run)


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotient as float64, NaN where the denominator is zero."""
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.true_divide(numerator, denominator)


def iou_of_counts(
    intersection: np.ndarray, predicted: np.ndarray, labelled: np.ndarray
) -> np.ndarray:
    """Return intersection over union of pixel counts, NaN where there are none."""
    return divide(intersection, predicted + labelled - intersection)


def mean_of_numbers(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; NaN if there is none."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else float('nan')


def image_miou(
    intersection: np.ndarray, predicted: np.ndarray, labelled: np.ndarray
) -> np.ndarray:
    """Return the mean IoU (...) of pixel counts (..., C) over the labelled classes.

    It is NaN if no class is labelled.
    """
    ious = iou_of_counts(intersection, predicted, labelled)
    is_labelled = labelled > 0
    total = np.where(is_labelled, ious, 0).sum(-1)
    return divide(total, is_labelled.sum(-1))
