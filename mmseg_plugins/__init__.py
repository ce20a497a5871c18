"""Four landmark segmentation networks for MMSegmentation."""

__version__ = '0.1.0'
