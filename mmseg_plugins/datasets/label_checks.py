"""Loading of label maps that checks what the file holds."""

import numpy as np
from mmcv.transforms import LoadAnnotations as McvLoadAnnotations
from mmseg.datasets.transforms import LoadAnnotations

from mmseg_plugins.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadLabels(LoadAnnotations):
    """mmseg's ``LoadAnnotations``, with errors that name the file.

    A label outside the classes ends in a crash in the loss on a CPU and in a broken
    CUDA context on a GPU, and the metrics leave it out. Here it raises an error.

    Results without ``seg_map_path`` pass unchanged: mmseg's inference removes
    ``LoadAnnotations`` from a pipeline, but not its subclasses.

    Args:
        num_classes: Number of classes. Labels must be 0 to ``num_classes - 1``, after
            ``label_map`` and ``reduce_zero_label`` were applied.
        ignore_index: The only other label that is allowed.
        **kwargs: Arguments of ``LoadAnnotations``.

    Raises:
        ValueError: If ``num_classes`` is less than 1.
    """

    def __init__(self, *, num_classes: int, ignore_index: int = 255, **kwargs) -> None:
        super().__init__(**kwargs)
        if num_classes < 1:
            raise ValueError(f'num_classes={num_classes}: must be at least 1')
        self.num_classes, self.ignore_index = num_classes, ignore_index

    def transform(self, results: dict) -> dict:
        """Add ``gt_seg_map`` (H, W) to ``results``.

        Raises:
            ValueError: If the file cannot be decoded, has more than one channel, has
                another size than the image, or holds a label outside the classes.
        """
        return super().transform(results) if 'seg_map_path' in results else results

    def _load_seg_map(self, results: dict) -> None:
        stored = self._decode(results)
        super()._load_seg_map(results)
        labels = results['gt_seg_map']
        wrong = (labels >= self.num_classes) & (labels != self.ignore_index)
        # mmseg casts to uint8, which would turn a stored 256 into class 0.
        wrong |= stored != stored.astype(np.uint8)
        if wrong.any():
            values = [str(value) for value in np.unique(stored[wrong])]
            listed = values[:8] + ['...'] * (len(values) > 8)
            raise ValueError(
                f'{results["seg_map_path"]} holds label {", ".join(listed)}: must be '
                f'below num_classes={self.num_classes} or ignore_index='
                f'{self.ignore_index}; map it to {self.ignore_index} in the file or '
                'raise num_classes'
            )

    def _decode(self, results: dict) -> np.ndarray:
        """Return the label map as stored, before mmseg changes its values."""
        path = results['seg_map_path']
        try:
            McvLoadAnnotations._load_seg_map(self, results)
        except Exception as error:
            raise ValueError(
                f'{path} cannot be decoded: it is missing, empty, truncated or not an '
                'image; restore the file'
            ) from error
        stored = results.pop('gt_seg_map')
        if stored.ndim > 2:
            raise ValueError(
                f'{path} has {stored.shape[2]} channels, but a label map has one: turn '
                'colours into class indices, as tools/dataset_converters/camvid.py does'
            )
        size = tuple(results.get('ori_shape', stored.shape))
        if stored.shape != size:
            raise ValueError(
                f'{path} has (H, W) = {stored.shape}, but its image has {size}: give '
                'both the same size'
            )
        return stored
