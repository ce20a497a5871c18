from .blur import GaussianBlur
from .camvid import CamVidDataset
from .label_checks import LoadLabels
from .synthetic import LoadSyntheticScene, SyntheticSceneDataset

__all__ = [
    'CamVidDataset',
    'GaussianBlur',
    'LoadLabels',
    'LoadSyntheticScene',
    'SyntheticSceneDataset',
]
