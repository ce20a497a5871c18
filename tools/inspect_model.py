"""Draw how a network comes to its prediction, in one picture for each image.

python tools/inspect_model.py RUN street.png
python tools/inspect_model.py CONFIG CHECKPOINT street.png --out-dir work_dirs/inspect

RUN is the folder of a training, or scenes for the weights that come with the package.
FCN: the classes from coarse scores to fine ones. SPNet: the gates of strip pooling, and
mixed pooling. EncNet: the codewords, and the classes that it expects. DFANet: the
classes after each pass.
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import sys
import textwrap
from pathlib import Path

import cv2
import mmcv
import numpy as np
from mmengine import fileio
from mmseg.registry import TRANSFORMS
from networks import find_test_dataset, load_segmentor
from PIL import Image, ImageDraw, ImageFont
from torch import nn
from trust_argument import add_trust_argument

from mmseg_plugins.datasets import LoadMultiChannelImage
from mmseg_plugins.drawing import class_names, class_palette, legend
from mmseg_plugins.report.network_pictures import network_pictures
from mmseg_plugins.run_folder import split_model_arguments

WIDTH, MARGIN = 1100, 10  # pixels


def draw(
    model: nn.Module, image: np.ndarray, shown: np.ndarray | None = None
) -> np.ndarray:
    """Draw the network's own pictures of an image (H, W, 3), BGR, as one RGB image.

    Each has a title and a caption; the classes and their colours are below. An image
    with other channels needs ``shown``, (H, W, 3), RGB, which is drawn in its place.

    Raises:
        ValueError: If the network has no picture of its own.
    """
    parts = []
    for picture in network_pictures(model, image, picture=shown):
        parts += [draw_text(picture.title, 22), draw_text(picture.caption, 16)]
        scale = min(1, (WIDTH - 2 * MARGIN) / picture.image.shape[1])
        drawn = cv2.resize(picture.image, None, fx=scale, fy=scale)
        right = WIDTH - MARGIN - drawn.shape[1]
        sides = ((0, MARGIN), (MARGIN, right), (0, 0))
        parts.append(np.pad(drawn, sides, constant_values=255))
    if not parts:
        raise ValueError(
            f'{type(model.decode_head).__name__} has no picture of its own: give an '
            'FCN, an SPNet, an EncNet or a DFANet of mmseg_plugins'
        )
    meta = model.dataset_meta
    names = class_names(meta)[: model.decode_head.num_classes]
    return np.concatenate([*parts, legend(names, class_palette(meta), WIDTH)])


def read(model: nn.Module, path: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the image for the network, and what to show of it if that differs."""
    load = TRANSFORMS.build(find_test_dataset(model.cfg).pipeline[0])
    if isinstance(load, LoadMultiChannelImage):
        image = load.read(path)
        return image, load.draw(image)
    image = mmcv.imfrombytes(fileio.get(path))
    if image is None:
        raise ValueError(f'{path} is not an image: give a PNG or a JPEG')
    return image, None


def draw_text(text: str, size: int) -> np.ndarray:
    """Draw a text of ``size`` pixels, black on white, wrapped at the width."""
    lines = textwrap.wrap(text, 28 * WIDTH // (16 * size))
    canvas = Image.new('RGB', (WIDTH, MARGIN + len(lines) * (size + 6)), 'white')
    font = ImageFont.load_default(size)
    ImageDraw.Draw(canvas).text(
        (MARGIN, MARGIN), '\n'.join(lines), fill='black', font=font, spacing=6
    )
    return np.array(canvas)


def main(argv: list[str] | None = None) -> None:
    """Run the command; a wrong argument ends in one sentence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'words',
        nargs='+',
        metavar='RUN_or_CONFIG_CHECKPOINT image',
        help='a run folder, or a config and a checkpoint; then image files',
    )
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/inspect'))
    add_trust_argument(parser)
    args = parser.parse_args(argv)
    try:
        config, checkpoint, images = split_model_arguments(args.words)
        if not images:
            raise ValueError('no image: give one or more image files after the model')
        targets = {args.out_dir / f'{Path(path).stem}.png': path for path in images}
        if len(targets) < len(images):
            raise ValueError('two images have one name: rename one, or run twice')
        for target, path in targets.items():
            if '://' not in path and not Path(path).is_file():
                raise ValueError(f'{path} is not a file: correct the path')
            if target.resolve() == Path(path).resolve():
                raise ValueError(f'{path} would be overwritten: change --out-dir')
        model = load_segmentor(config, checkpoint)
        args.out_dir.mkdir(parents=True, exist_ok=True)
        for target, path in targets.items():
            Image.fromarray(draw(model, *read(model, path))).save(target)
            print(target)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
