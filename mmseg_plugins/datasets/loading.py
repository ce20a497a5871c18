"""Loading of label maps, with a check of what the file holds."""

import numpy as np
from mmcv.transforms import LoadAnnotations as HostDecoder
from mmseg.datasets.transforms import LoadAnnotations

from mmseg_plugins.registry import TRANSFORMS

#: How many wrong labels an error lists.
SHOWN = 8


@TRANSFORMS.register_module()
class LoadLabels(LoadAnnotations):
    """The host's ``LoadAnnotations``, with errors that name the file.

    A label value that no class has is a crash in the loss on a CPU, a dead CUDA
    context on a GPU, and silently left out of the metrics; here it is one sentence.

    An input without ``seg_map_path`` passes unchanged: the host's inference drops
    steps of type ``LoadAnnotations`` from a pipeline, but not their subclasses.

    Args:
        num_classes: Labels are 0 to ``num_classes - 1``, after ``label_map`` and
            ``reduce_zero_label``.
        ignore_index: The one other label allowed.
        **kwargs: Arguments of the host's ``LoadAnnotations``.

    Raises:
        ValueError: ``num_classes`` is not positive.
    """

    def __init__(self, *, num_classes: int, ignore_index: int = 255, **kwargs) -> None:
        super().__init__(**kwargs)
        if num_classes < 1:
            raise ValueError(f'num_classes must be at least 1, got {num_classes}.')
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def transform(self, results: dict) -> dict:
        """Add ``gt_seg_map``, of shape (height, width), to ``results``.

        Raises:
            ValueError: The file cannot be decoded, has more than one channel, has
                another size than the image, or holds a label of no class.
        """
        return super().transform(results) if 'seg_map_path' in results else results

    def _load_seg_map(self, results: dict) -> None:
        stored = self._decode(results)
        super()._load_seg_map(results)
        labels = results['gt_seg_map']
        wrong = (labels >= self.num_classes) & (labels != self.ignore_index)
        # The host casts to uint8, which would turn a stored 256 into class 0.
        wrong |= stored != stored.astype(np.uint8)
        if wrong.any():
            values = np.unique(stored[wrong]).tolist()
            more = ', ...' if len(values) > SHOWN else ''
            shown = ', '.join(map(str, values[:SHOWN])) + more
            raise ValueError(
                f'{results["seg_map_path"]} holds label {shown}, which is none of '
                f'num_classes={self.num_classes} classes and not '
                f'ignore_index={self.ignore_index}: map it to {self.ignore_index} in '
                'the file, or raise num_classes.'
            )

    def _decode(self, results: dict) -> np.ndarray:
        """Return the label map as stored, before the host maps its values."""
        path = results['seg_map_path']
        try:
            HostDecoder._load_seg_map(self, results)
        except Exception as error:
            raise ValueError(
                f'The annotation {path} cannot be decoded: it is missing, empty, '
                'truncated or not an image; restore the file.'
            ) from error
        stored = results.pop('gt_seg_map')
        if stored.ndim > 2:
            raise ValueError(
                f'The annotation {path} has {stored.shape[2]} channels, but a label '
                'map has one: turn its colours into class indices, as '
                'tools/dataset_converters/camvid.py does.'
            )
        size = results.get('ori_shape', stored.shape)
        if stored.shape != tuple(size):
            raise ValueError(
                f'The annotation {path} is {_by(stored.shape)}, but its image is '
                f'{_by(size)} (height x width): give both the same size.'
            )
        return stored


def _by(shape: tuple[int, ...]) -> str:
    return ' x '.join(map(str, shape))
