"""Procedural street scenes as a dataset of mmseg: no download, no files."""

import re
from typing import ClassVar

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.fileio import BaseStorageBackend, register_backend
from mmseg.datasets import BaseSegDataset

from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, render_scene
from mmseg_plugins.registry import DATASETS, TRANSFORMS

ADDRESS = 'scene://{}x{}/{}_{:06d}.png'  # height, width, 'scene' or 'labels', seed
ADDRESS_PATTERN = re.compile(r'scene://(\d+)x(\d+)/(scene|labels)_(\d+)\.png')


@DATASETS.register_module()
class SyntheticSceneDataset(BaseSegDataset):
    """Street scenes of consecutive seeds; each is drawn when it is loaded.

    Entry ``i`` is ``render_scene(first_seed + i, size)``, loaded by
    ``LoadSyntheticScene`` or, through :class:`SceneBackend`, by mmseg's own steps.

    Args:
        num_scenes: Number of scenes, at least 1.
        first_seed: Seed of the first scene.
        size: Height and width of each scene, at least 32.
        **kwargs: Arguments of :class:`BaseSegDataset`.

    Raises:
        ValueError: If an argument is out of range, or ``reduce_zero_label`` is set.
    """

    METAINFO: ClassVar[dict] = dict(classes=CLASSES, palette=PALETTE)

    def __init__(
        self, num_scenes: int, first_seed: int = 0, size: tuple = (192, 256), **kwargs
    ) -> None:
        if not isinstance(num_scenes, int) or num_scenes < 1:
            raise ValueError(f'num_scenes={num_scenes!r}: must be an integer from 1 up')
        if kwargs.get('reduce_zero_label'):
            raise ValueError('reduce_zero_label=True: use False, label 0 is the road')
        render_scene(first_seed, size)  # raises ValueError for a wrong seed or size
        self.num_scenes, self.first_seed, self.size = num_scenes, first_seed, size
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Return one entry per scene."""
        return [
            dict(
                img_path=ADDRESS.format(*self.size, 'scene', seed),
                seg_map_path=ADDRESS.format(*self.size, 'labels', seed),
                scene_seed=seed,
                scene_size=tuple(self.size),
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[],
            )
            for seed in range(self.first_seed, self.first_seed + self.num_scenes)
        ]


@TRANSFORMS.register_module()
class LoadSyntheticScene(BaseTransform):
    """Draw a scene and its labels: replaces mmseg's two loading steps.

    Reads ``scene_seed``, ``scene_size``, ``label_map`` and ``seg_fields``; adds ``img``
    in BGR, ``gt_seg_map``, ``img_shape`` and ``ori_shape``.
    """

    def transform(self, results: dict) -> dict:
        """Add the scene to ``results``."""
        image, labels = render_scene(results['scene_seed'], results['scene_size'])
        new_labels = np.arange(256, dtype=np.uint8)
        for old, new in (results['label_map'] or {}).items():
            new_labels[old] = new
        results['img'], results['gt_seg_map'] = image, new_labels[labels]
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        results['seg_fields'].append('gt_seg_map')
        return results


class SceneBackend(BaseStorageBackend):
    """Serves scenes as PNG files under addresses like ``scene://...``.

    mmseg's loading steps and its visualization hook read files; scenes have none.
    """

    def get(self, filepath: str) -> bytes:
        """Return the image or the labels of a scene as PNG.

        Raises:
            FileNotFoundError: If the address does not have the form of ``ADDRESS``.
        """
        match = ADDRESS_PATTERN.fullmatch(str(filepath))
        if match is None:
            example = ADDRESS.format(192, 256, 'scene', 0)
            raise FileNotFoundError(f'{filepath}: must have the form {example}')
        height, width, kind, seed = match.groups()
        image, labels = render_scene(int(seed), (int(height), int(width)))
        return cv2.imencode('.png', image if kind == 'scene' else labels)[1].tobytes()

    def get_text(self, filepath: str) -> str:
        """Raise NotImplementedError: a scene is not a text file."""
        raise NotImplementedError(f'{filepath} is an image: read it with get()')


register_backend('scene', SceneBackend, prefixes='scene', force=True)
