from .blur import GaussianBlur
from .camvid import CamVidDataset
from .folder import FolderDataset
from .label_checks import LoadLabels
from .multi_channel import LoadMultiChannelImage
from .positions import (
    DefaultPositionSampler,
    InfinitePositionSampler,
    SeedByPosition,
)
from .synthetic import LoadSyntheticScene, SyntheticSceneDataset

__all__ = [
    'CamVidDataset',
    'DefaultPositionSampler',
    'FolderDataset',
    'GaussianBlur',
    'InfinitePositionSampler',
    'LoadLabels',
    'LoadMultiChannelImage',
    'LoadSyntheticScene',
    'SeedByPosition',
    'SyntheticSceneDataset',
]
