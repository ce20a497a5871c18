from .camvid import CamVidDataset
from .loading import LoadLabels
from .synthetic import LoadSyntheticScene, SyntheticSceneDataset

__all__ = [
    'CamVidDataset',
    'LoadLabels',
    'LoadSyntheticScene',
    'SyntheticSceneDataset',
]
