"""Loading of label maps that checks what the file holds."""

import numpy as np
from mmcv.transforms import LoadAnnotations as McvLoadAnnotations
from mmseg.datasets.transforms import LoadAnnotations

from mmseg_plugins.datasets.colours import load_colours
from mmseg_plugins.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadLabels(LoadAnnotations):
    """mmseg's ``LoadAnnotations``, with errors that name the file.

    A label outside the classes ends in a crash in the loss on a CPU and in a broken
    CUDA context on a GPU, and the metrics leave it out. Here it raises an error.

    Results without ``seg_map_path`` pass unchanged: mmseg's inference removes
    ``LoadAnnotations`` from a pipeline, but not its subclasses.

    If results have ``colours``, rows of R, G, B and a label, masks with several
    channels are turned into these labels; masks with one channel are so too if all
    colours are grey. ``label_map`` and ``reduce_zero_label`` are then not applied.

    Args:
        num_classes: Number of classes, if the results have none; those of
            :class:`FolderDataset` do. Labels must be 0 to ``num_classes - 1``, after
            ``label_map`` and ``reduce_zero_label`` were applied. 1 means the same as 2:
            a head with one logit per pixel learns label 1, beside label 0, background.
        ignore_index: The only other label that is allowed.
        **kwargs: Arguments of ``LoadAnnotations``.

    Raises:
        ValueError: If ``num_classes`` is less than 1.
    """

    def __init__(
        self, *, num_classes: int | None = None, ignore_index: int = 255, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        if num_classes is not None and num_classes < 1:
            raise ValueError(f'num_classes={num_classes}: must be at least 1')
        self.num_classes, self.ignore_index = num_classes, ignore_index

    def transform(self, results: dict) -> dict:
        """Add ``gt_seg_map`` (H, W) to ``results``.

        Raises:
            ValueError: If the file cannot be decoded, has another size than the image,
                has more than one channel, holds a label outside the classes or a colour
                outside ``colours``, or if the number of classes is not known.
        """
        return super().transform(results) if 'seg_map_path' in results else results

    def _load_seg_map(self, results: dict) -> None:
        num_classes = results.get('num_classes', self.num_classes)
        if not num_classes:
            raise ValueError('num_classes=None: give LoadLabels the number of classes')
        stored = self._decode(results)
        colours = results.get('colours')
        if colours and (stored.ndim > 2 or all(r == g == b for r, g, b, _ in colours)):
            path = results['seg_map_path']
            results['gt_seg_map'] = load_colours(path, colours, self.backend_args)
            results['seg_fields'].append('gt_seg_map')
            return
        if stored.ndim > 2:
            raise ValueError(
                f'{results["seg_map_path"]} has {stored.shape[2]} channels, but a '
                f'label map has one: {self._fix_for_channels(stored)}'
            )
        # mmseg casts to uint8, which would turn 256 into class 0 and 1.7 into class 1.
        changed = stored != stored.astype(np.uint8)
        if changed.any():
            raise ValueError(
                f'{results["seg_map_path"]} holds {_first_values(stored[changed])}: '
                'mmseg reads labels as uint8; save integers from 0 to 255, also where '
                'a label_map follows'
            )
        super()._load_seg_map(results)
        labels = results['gt_seg_map']
        num_labels = max(num_classes, 2)
        wrong = (labels >= num_labels) & (labels != self.ignore_index)
        if wrong.any():
            steps = [key for key in ('label_map', 'reduce_zero_label') if results[key]]
            after = f' after {" and ".join(steps)}' if steps else ''
            ignored = self.ignore_index  # mmseg reduces all labels but 255
            ignored += bool(self.reduce_zero_label) and ignored < 255
            if results['seg_map_path'].lower().endswith(('.jpg', '.jpeg')):
                after += '; JPEG changes labels, save masks as PNG'
            elif labels.min() > 0 and labels[wrong].max() == num_labels:
                after += '; if labels begin at 1, set reduce_zero_label=True'
            raise ValueError(
                f'{results["seg_map_path"]} holds {_first_values(stored[wrong])}: must '
                f'be 0 to {num_labels - 1} or ignore_index={self.ignore_index}'
                f'{after}; set it to a class or to {ignored} in the file, or raise '
                'num_classes here and in the heads and name all classes in the dataset'
            )

    def _decode(self, results: dict) -> np.ndarray:
        """Return the label map as stored, before mmseg changes its values."""
        path = results['seg_map_path']
        try:
            McvLoadAnnotations._load_seg_map(self, results)
        except Exception as error:
            raise ValueError(
                f'{path} cannot be decoded: it is missing, empty, truncated or not an '
                'image; restore the file, or save its array as a PNG'
            ) from error
        stored = results.pop('gt_seg_map')
        size = tuple(results.get('ori_shape', stored.shape[:2]))
        if stored.shape[:2] != size:
            fix = 'give both the same size; resize labels by nearest neighbour'
            if stored.shape[:2] == size[::-1]:
                fix = 'if the EXIF tag of the image turns it, turn the mask likewise'
            raise ValueError(
                f'{path} has (H, W) = {stored.shape[:2]}, but its image has {size}: '
                f'{fix}'
            )
        return stored

    def _fix_for_channels(self, stored: np.ndarray) -> str:
        if self.imdecode_backend != 'pillow':
            return (
                f'imdecode_backend={self.imdecode_backend!r} may read a palette as '
                "colours, set 'pillow'"
            )
        colours = stored[..., 2::-1] if stored.shape[2] > 2 else stored[..., [0, 0, 0]]
        is_grey = (colours == colours[..., :1]).all()
        some = np.unique(colours[::4, ::4].reshape(-1, 3), axis=0)[:8].tolist()
        wanted = 'the first channel alone' if is_grey else 'labels, as camvid.py does'
        return f'give colours to FolderDataset, such as {some}, or save {wanted}'


def _first_values(labels: np.ndarray) -> str:
    values = [str(value) for value in np.unique(labels)]
    return 'label ' + ', '.join(values[:8] + ['...'] * (len(values) > 8))
