"""Procedural street scenes as an MMSegmentation dataset: no download, no files."""

import re
from typing import ClassVar

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.fileio import BaseStorageBackend, register_backend
from mmseg.datasets import BaseSegDataset

from mmseg_plugins.datasets.scenes import CLASSES, PALETTE, check_scene, render_scene
from mmseg_plugins.registry import DATASETS, TRANSFORMS

#: What ``img_path`` and ``seg_map_path`` look like.
ADDRESS = 'scene://{}x{}/{}_{:06d}.png'
ADDRESS_PATTERN = re.compile(r'scene://(\d+)x(\d+)/(scene|labels)_(\d+)\.png')


@DATASETS.register_module()
class SyntheticSceneDataset(BaseSegDataset):
    """Street scenes drawn from consecutive seeds, each when it is loaded.

    Entry ``i`` is ``render_scene(first_seed + i, size)``, whatever the worker that
    loads it. ``LoadSyntheticScene`` loads it; so do the host's own loading steps and
    its drawing hook, which read ``img_path`` through :class:`SceneBackend`.

    Args:
        num_scenes: How many scenes.
        first_seed: The seed of the first one.
        size: Height and width of each scene.
        **kwargs: Arguments of :class:`BaseSegDataset`.

    Raises:
        ValueError: If an argument is out of range, or ``reduce_zero_label`` is set.
    """

    METAINFO: ClassVar[dict] = dict(classes=CLASSES, palette=PALETTE)

    def __init__(
        self,
        num_scenes: int,
        first_seed: int = 0,
        size: tuple[int, int] = (192, 256),
        **kwargs,
    ) -> None:
        if not isinstance(num_scenes, int) or num_scenes < 1:
            raise ValueError(
                f'num_scenes is {num_scenes!r}: give a whole number from 1 up.'
            )
        if kwargs.get('reduce_zero_label'):
            raise ValueError(
                'reduce_zero_label is True, but label 0 of a scene is a class of its '
                'own, the road: leave it False.'
            )
        check_scene(first_seed, size)
        self.num_scenes = num_scenes
        self.first_seed = first_seed
        self.size = tuple(size)
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Return one entry per scene."""
        seeds = range(self.first_seed, self.first_seed + self.num_scenes)
        return [
            dict(
                img_path=ADDRESS.format(*self.size, 'scene', seed),
                seg_map_path=ADDRESS.format(*self.size, 'labels', seed),
                scene_seed=seed,
                scene_size=self.size,
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[],
            )
            for seed in seeds
        ]


@TRANSFORMS.register_module()
class LoadSyntheticScene(BaseTransform):
    """Draw a scene and its labels: the host's two loading steps in one.

    Needs ``scene_seed``, ``scene_size``, ``label_map`` and ``seg_fields``; adds ``img``
    in BGR, ``gt_seg_map``, ``img_shape`` and ``ori_shape``.
    """

    def transform(self, results: dict) -> dict:
        """Add the scene to ``results``."""
        image, labels = render_scene(results['scene_seed'], results['scene_size'])
        if results['label_map'] is not None:
            numbers = np.arange(256, dtype=np.uint8)
            for old, new in results['label_map'].items():
                numbers[old] = new
            labels = numbers[labels]
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        results['gt_seg_map'] = labels
        results['seg_fields'].append('gt_seg_map')
        return results


class SceneBackend(BaseStorageBackend):
    """Gives out scenes as PNG files under the addresses ``scene://...``.

    The host's drawing hook (``--show-dir``) and its steps ``LoadImageFromFile`` and
    ``LoadAnnotations`` read files; here they find them though none is on the disk.
    """

    def get(self, filepath: str) -> bytes:
        """Return the image or the labels of a scene as PNG.

        Raises:
            FileNotFoundError: If the address is not of the form of ``ADDRESS``.
        """
        match = ADDRESS_PATTERN.fullmatch(str(filepath))
        if match is None:
            raise FileNotFoundError(
                f'{filepath} names no scene: write scene://192x256/scene_000000.png '
                'for an image, or labels_000000.png for its labels.'
            )
        height, width, kind, seed = match.groups()
        image, labels = render_scene(int(seed), (int(height), int(width)))
        return cv2.imencode('.png', image if kind == 'scene' else labels)[1].tobytes()

    def get_text(self, filepath: str) -> str:
        """Raise, for a scene is no text."""
        raise NotImplementedError(f'{filepath} is a picture: read it with get().')


register_backend('scene', SceneBackend, prefixes='scene', force=True)
