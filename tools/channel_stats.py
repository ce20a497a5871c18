"""Measure mean and standard deviation of each channel of the training images.

python tools/channel_stats.py CONFIG
python tools/channel_stats.py photos/

It reads all images of CONFIG's training data, or all .tif, .tiff and .npy files of a
folder, and prints two lines for data_preprocessor. Values are in the units of the
files, and in the order of the channels that the network gets.
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from networks import load_config
from rich.progress import Progress
from sources import make_track

from mmseg_plugins.datasets import LoadMultiChannelImage
from mmseg_plugins.datasets.multi_channel import MULTI_CHANNEL_SUFFIXES, find_steps


def measure(images: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each channel, (C,), float64.

    Args:
        images: Images (H, W, C), read one after the other.

    Raises:
        ValueError: If the images differ in their number of channels.
    """
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for image in images:
        pixels = image.reshape(-1, image.shape[2]).astype(np.float64)
        if count and len(mean) != pixels.shape[1]:
            raise ValueError(
                f'an image has {pixels.shape[1]} channels, those before it have '
                f'{len(mean)}: give images of one kind'
            )
        # Chan's update of the mean and of the sum of squared deviations: unlike the
        # sum of squares, it is exact for values far from zero.
        own = pixels.mean(0)
        own_squares = ((pixels - own) ** 2).sum(0)
        total, shift = count + len(pixels), own - mean
        squares = squares + own_squares + shift**2 * count * len(pixels) / total
        mean = mean + shift * len(pixels) / total
        count = total
    return mean, np.sqrt(squares / max(count, 1))


def open_config(name: str, options: dict) -> tuple[Iterator[np.ndarray], int]:
    """Return the training images of a config, as its pipeline loads them, and how many.

    With ``bgr_to_rgb``, they are in RGB, as ``mean`` is.
    """
    cfg = load_config(name)
    cfg.merge_from_dict(options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    steps = find_steps(dataset)
    is_bgr = cfg.model.data_preprocessor.get('bgr_to_rgb', False)

    def load(index: int) -> np.ndarray:
        results = dataset.get_data_info(index)
        for step in steps:
            results = step(results)
            if 'img' in results:
                break
        image = np.atleast_3d(results['img'])
        return image[..., ::-1] if is_bgr else image

    return map(load, range(len(dataset))), len(dataset)


def open_folder(folder: Path) -> tuple[Iterator[np.ndarray], int]:
    """Return the multi-channel images of a folder and its sub-folders, and how many."""
    files = sorted(folder.rglob('*'))
    files = [path for path in files if path.suffix.lower() in MULTI_CHANNEL_SUFFIXES]
    if not files:
        ends = ', '.join(MULTI_CHANNEL_SUFFIXES)
        raise ValueError(f'{folder} has no file that ends with {ends}: correct it')
    return map(LoadMultiChannelImage().read, map(str, files)), len(files)


def main(argv: list[str] | None = None) -> None:
    """Run the command; a wrong argument ends in one sentence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', metavar='CONFIG_or_FOLDER')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args(argv)
    try:
        if Path(args.source).is_dir():
            images, number = open_folder(Path(args.source))
        else:
            images, number = open_config(args.source, args.cfg_options)
        with Progress(disable=not sys.stdout.isatty()) as bars:
            mean, std = measure(make_track(bars)(images, number, 'images'))
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    for name, values in dict(mean=mean, std=std).items():
        print(f'{name}=[{", ".join(f"{value:.6g}" for value in values)}],')


if __name__ == '__main__':
    main()
