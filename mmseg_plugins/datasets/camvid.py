"""CamVid (Brostow et al. 2009): real street scenes in 11 classes.

The folders that ``tools/dataset_converters/camvid.py`` makes::

    data_root/images/{train,val,test}/*.jpg
    data_root/annotations/{train,val,test}/*.png    class index, 255 is void
"""

import os
from typing import ClassVar

from mmengine import fileio
from mmseg.datasets import BaseSegDataset

from mmseg_plugins.registry import DATASETS

MEND = 'make the folders with tools/dataset_converters/camvid.py'


@DATASETS.register_module()
class CamVidDataset(BaseSegDataset):
    """CamVid in the 11 classes and the split that SegNet made the common ones.

    Args:
        img_suffix: Ending of the image files.
        seg_map_suffix: Ending of the annotation files.
        **kwargs: Arguments of :class:`BaseSegDataset`.
    """

    METAINFO: ClassVar[dict] = dict(
        classes=(
            'Sky',
            'Building',
            'Pole',
            'Road',
            'Pavement',
            'Tree',
            'SignSymbol',
            'Fence',
            'Car',
            'Pedestrian',
            'Bicyclist',
        ),
        palette=[
            [128, 128, 128],
            [128, 0, 0],
            [192, 192, 128],
            [128, 64, 128],
            [60, 40, 222],
            [128, 128, 0],
            [192, 128, 128],
            [64, 64, 128],
            [64, 0, 128],
            [64, 64, 0],
            [0, 128, 192],
        ],
    )

    def __init__(
        self, img_suffix: str = '.jpg', seg_map_suffix: str = '.png', **kwargs
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the frames of the split, and refuse one that is not complete.

        Raises:
            FileNotFoundError: A folder or an annotation is missing.
            ValueError: The split has no image, or an image file is empty.
        """
        self._check_folders()
        data_list = super().load_data_list()
        if not data_list:
            raise ValueError(
                f'There is no image *{self.img_suffix} in '
                f'{self.data_prefix["img_path"]}: set img_suffix to the ending of '
                f'your images, or {MEND}.'
            )
        self._check_frames(data_list)
        return data_list

    def _check_folders(self) -> None:
        folders = {
            'data root (data_root)': self.data_root,
            'image folder (data_prefix.img_path)': self.data_prefix.get('img_path'),
            'annotation folder (data_prefix.seg_map_path)': self.data_prefix.get(
                'seg_map_path'
            ),
        }
        for what, path in folders.items():
            if path and not fileio.isdir(path, backend_args=self.backend_args):
                raise FileNotFoundError(
                    f'The CamVid {what} {path} does not exist, seen from '
                    f'{os.getcwd()}: correct the path, or {MEND}.'
                )

    def _check_frames(self, data_list: list[dict]) -> None:
        bare = [
            frame
            for frame in data_list
            if 'seg_map_path' in frame
            and not fileio.exists(frame['seg_map_path'], backend_args=self.backend_args)
        ]
        if bare:
            raise FileNotFoundError(
                f'{len(bare)} of {len(data_list)} images have no annotation; the first '
                f'is {bare[0]["img_path"]}, which needs {bare[0]["seg_map_path"]}: add '
                'the annotation or remove the image.'
            )
        # OpenCV's own message about a file of no bytes does not name the file.
        for path in (frame['img_path'] for frame in data_list):
            if os.path.isfile(path) and not os.path.getsize(path):
                raise ValueError(f'The image {path} is empty (0 bytes): restore it.')
