"""CamVid (Brostow et al. 2009): street scenes from a car, in 11 classes.

``tools/dataset_converters/camvid.py`` makes the folders::

    data_root/images/{train,val,test}/*.jpg
    data_root/annotations/{train,val,test}/*.png    class index; 255 is ignored
"""

from typing import ClassVar

from mmseg_plugins.datasets.folder import FolderDataset
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


@DATASETS.register_module()
class CamVidDataset(FolderDataset):
    """CamVid with SegNet's 11 classes and split; arguments of ``FolderDataset``."""

    METAINFO: ClassVar[dict] = dict(classes=tuple(COLOURS), palette=[*COLOURS.values()])
    FIX: ClassVar[str] = 'correct the path, or run tools/dataset_converters/camvid.py'
