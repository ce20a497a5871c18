"""Images with any number of channels: loading, and pictures of chosen channels."""

import io
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmengine.fileio import BaseStorageBackend, register_backend

from mmseg_plugins.registry import TRANSFORMS

try:
    import tifffile
except ImportError:
    tifffile = None  # type: ignore[assignment]

#: Files that LoadMultiChannelImage reads.
MULTI_CHANNEL_SUFFIXES = ('.tif', '.tiff', '.npy')
DTYPES = ('uint8', 'uint16', 'float32')
LAYOUTS = (None, 'HWC', 'CHW')
BANDS_BACKEND = 'mmseg_plugins_bands'


@TRANSFORMS.register_module()
class LoadMultiChannelImage(BaseTransform):
    """Load an image with any number of channels from a TIFF or ``.npy`` file.

    It replaces ``LoadImageFromFile``, which reads three channels of 8 bits. Adds
    ``img``, (H, W, C), float32, with the values and the order of the file, and
    ``img_shape`` and ``ori_shape``, (H, W). TIFF files need the package tifffile.

    Args:
        layout: Order of the axes in the file: 'HWC' (channels last), or 'CHW'. By
            default the first or the last axis, if it is shorter than both others, has
            the channels. A file with two axes has one channel.
        bands: The channels, from 0, that pictures show as red, green and blue, or one
            channel that they show grey. By default the first three, or the first one if
            there are fewer. The network gets all channels.
        backend_args: As in mmseg's ``BaseSegDataset``.

    Raises:
        ValueError: If ``layout`` is another word, or ``bands`` has not 1 or 3 numbers
            from 0 up.
    """

    def __init__(
        self,
        layout: str | None = None,
        bands: Sequence[int] | None = None,
        backend_args: dict | None = None,
    ) -> None:
        if layout not in LAYOUTS:
            raise ValueError(f'layout={layout!r}: must be one of {LAYOUTS}')
        if bands is not None and (len(bands) not in (1, 3) or min(bands) < 0):
            raise ValueError(f'bands={bands}: must be 1 or 3 numbers from 0 up')
        self.layout, self.bands, self.backend_args = layout, bands, backend_args
        #: mmengine's ``backend_args`` with which a file is read as a PNG of its bands.
        self.picture_backend = dict(
            backend=BANDS_BACKEND, layout=layout, bands=bands, backend_args=backend_args
        )

    def transform(self, results: dict) -> dict:
        """Add the image at ``img_path`` to ``results``."""
        image = self.read(results['img_path'])
        results['img'] = image.astype(np.float32)
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def read(self, path: str) -> np.ndarray:
        """Return an image (H, W, C) with the data type of its file.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it is not an image of the data types uint8, uint16 and
                float32, its axes are ambiguous, or a value is NaN or infinite.
        """
        data = fileio.get(path, backend_args=self.backend_args)
        image = _decode(path, data)
        if image.dtype not in DTYPES:
            raise ValueError(
                f'{path} has the data type {image.dtype}: must be one of {DTYPES}; '
                "convert it, for example with array.astype('float32')"
            )
        image = self._channels_last(path, image)
        if not np.isfinite(image).all():
            raise ValueError(
                f'{path} has NaN or infinite values: replace them, for example with '
                'numpy.nan_to_num'
            )
        return image

    def picture(self, path: str) -> np.ndarray:
        """Return the bands of an image file, (H, W, 3), BGR, uint8."""
        return self.draw(self.read(path))[..., ::-1]

    def draw(self, image: np.ndarray) -> np.ndarray:
        """Return the bands of an image (H, W, C), as (H, W, 3), RGB, uint8.

        uint8 values stay. Of others, the 2nd percentile of a band becomes 0 and the
        98th 255.

        Raises:
            ValueError: If the image has no such channel.
        """
        bands = self.bands or ((0, 1, 2) if image.shape[2] > 2 else (0,))
        if max(bands) >= image.shape[2]:
            raise ValueError(
                f'bands={bands}: the image has {image.shape[2]} channels; correct '
                'bands in LoadMultiChannelImage'
            )
        picture = image[..., list(bands)]
        if picture.dtype != np.uint8:
            low, high = np.percentile(picture, (2, 98), axis=(0, 1))
            shares = (picture - low) / np.maximum(high - low, 1e-9)
            picture = (255 * shares.clip(0, 1)).round().astype(np.uint8)
        return picture.repeat(3 // len(bands), axis=2)

    def _channels_last(self, path: str, image: np.ndarray) -> np.ndarray:
        shape, layout = image.shape, self.layout
        if image.ndim == 2:
            return image[..., None]
        if image.ndim == 3 and layout is None:
            if shape[2] < min(shape[:2]):
                layout = 'HWC'
            elif shape[0] < min(shape[1:]):
                layout = 'CHW'
        if image.ndim != 3 or layout is None:
            raise ValueError(
                f'{path} has the shape {shape}: which axis has the channels is not '
                "clear; save (height, width, channels), and set layout='HWC', or "
                "layout='CHW' if channels come first, in LoadMultiChannelImage"
            )
        return image.transpose(1, 2, 0) if layout == 'CHW' else image


def _decode(path: str, data: bytes) -> np.ndarray:
    is_npy = str(path).lower().endswith('.npy')
    if not is_npy and tifffile is None:
        raise ValueError(
            f'{path}: to read TIFF files, pip install '
            "'mmseg-plugins[channels]', or save the images as .npy"
        )
    try:
        if is_npy:
            return np.load(io.BytesIO(data), allow_pickle=False)
        return tifffile.imread(io.BytesIO(data))
    except Exception as error:  # a damaged file raises many kinds
        reason = ' '.join(str(error).split())[:200]
        raise ValueError(
            f'{path} cannot be decoded: it must be a whole TIFF or .npy file; restore '
            f'it, or save it again ({reason})'
        ) from error


def find_steps(dataset: Any) -> list:
    """Return the steps of a dataset's pipeline, also inside mmengine's wrappers."""
    while hasattr(dataset, 'dataset'):  # RepeatDataset, ClassBalancedDataset
        dataset = dataset.dataset
    if hasattr(dataset, 'datasets'):  # ConcatDataset
        return find_steps(dataset.datasets[0])
    return dataset.pipeline.transforms


def find_loader(dataset: Any) -> LoadMultiChannelImage | None:
    """Return the loading step of a dataset's pipeline; None if it is another step."""
    steps = find_steps(dataset)
    return next((s for s in steps if isinstance(s, LoadMultiChannelImage)), None)


class BandBackend(BaseStorageBackend):
    """Serves multi-channel files as PNG files of their bands.

    Args:
        **kwargs: Arguments of :class:`LoadMultiChannelImage`.
    """

    def __init__(self, **kwargs) -> None:
        self.load = LoadMultiChannelImage(**kwargs)

    def get(self, filepath: str) -> bytes:
        """Return the bands of a file as PNG."""
        return cv2.imencode('.png', self.load.picture(filepath))[1].tobytes()

    def get_text(self, filepath: str) -> str:
        """Raise NotImplementedError: an image is not a text file."""
        raise NotImplementedError(f'{filepath} is an image: read it with get()')


register_backend(BANDS_BACKEND, BandBackend, force=True)
