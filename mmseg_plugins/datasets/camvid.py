"""CamVid (Brostow et al. 2009): street scenes from a car, in 11 classes.

``tools/dataset_converters/camvid.py`` makes the folders::

    data_root/images/{train,val,test}/*.jpg
    data_root/annotations/{train,val,test}/*.png    class index; 255 is ignored
"""

import os
from typing import ClassVar

from mmengine import fileio
from mmseg.datasets import BaseSegDataset

from mmseg_plugins.registry import DATASETS

#: The classes and their colours in pictures of labels, RGB.
COLOURS = {
    'Sky': [128, 128, 128],
    'Building': [128, 0, 0],
    'Pole': [192, 192, 128],
    'Road': [128, 64, 128],
    'Pavement': [60, 40, 222],
    'Tree': [128, 128, 0],
    'SignSymbol': [192, 128, 128],
    'Fence': [64, 64, 128],
    'Car': [64, 0, 128],
    'Pedestrian': [64, 64, 0],
    'Bicyclist': [0, 128, 192],
}
FIX = 'run tools/dataset_converters/camvid.py to make the folders'


@DATASETS.register_module()
class CamVidDataset(BaseSegDataset):
    """CamVid with SegNet's 11 classes and split; arguments of ``BaseSegDataset``."""

    METAINFO: ClassVar[dict] = dict(classes=tuple(COLOURS), palette=[*COLOURS.values()])

    def load_data_list(self) -> list[dict]:
        """List the images of the split, and check that the split is complete.

        Raises:
            FileNotFoundError: If a folder or an annotation is missing.
            ValueError: If the split has no image or an image file is empty.
        """
        for name, path in [('data_root', self.data_root), *self.data_prefix.items()]:
            if path and not fileio.isdir(path, backend_args=self.backend_args):
                raise FileNotFoundError(
                    f'{name}={path} does not exist (working folder: {os.getcwd()}): '
                    f'correct the path or {FIX}'
                )
        data_list = super().load_data_list()
        if not data_list:
            raise ValueError(
                f'img_suffix={self.img_suffix}: {self.data_prefix["img_path"]} has no '
                f'such image; correct the suffix or {FIX}'
            )
        pairs = [(entry['img_path'], entry.get('seg_map_path')) for entry in data_list]
        missing = [
            f'{image} needs {labels}'
            for image, labels in pairs
            if labels and not fileio.exists(labels, backend_args=self.backend_args)
        ]
        if missing:
            raise FileNotFoundError(
                f'{len(missing)} of {len(pairs)} images have no annotation; the first: '
                f'{missing[0]}. Add the annotations or remove the images'
            )
        for image, _ in pairs:
            # OpenCV's error for an empty file does not name the file.
            if os.path.isfile(image) and not os.path.getsize(image):
                raise ValueError(f'{image} is empty (0 bytes): restore the image')
        return data_list
