"""Draw street scenes with their labels, as one picture or as a data set of files.

python tools/draw_scenes.py --out docs/scenes.png --rows 4 --columns 3
python tools/draw_scenes.py --out data/scenes-4-channels --channels 4

With --channels, it writes images/{train,val}/*.tif, uint16, 0 to 4095 (12 bits), and
masks/{train,val}/*.png. The channels are red, green, blue and near infrared. The last
one is invented: noise on grey, but plants are bright and the sky is dark.
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from output_file import output_file
from rich.progress import Progress
from sources import make_track

from mmseg_plugins.datasets.multi_channel import tifffile
from mmseg_plugins.datasets.scene_parts import Label
from mmseg_plugins.datasets.scenes import PALETTE, render_scene

GAP = 4  # pixels
#: First seed, those of the held-out scenes as in SyntheticSceneDataset, and number.
SPLITS = dict(train=(0, 300), val=(1_000_000, 40))


def draw_pair(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Return the image of a scene and its coloured labels side by side, in BGR."""
    image, labels = render_scene(seed, size)
    colours = np.zeros((256, 3), np.uint8)  # ignored pixels are black
    colours[: len(PALETTE)] = PALETTE
    pair = np.hstack([image, colours[labels][..., ::-1]])
    return np.pad(pair, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def draw_channels(
    seed: int, size: tuple[int, int], channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a scene (H, W, channels), uint16, up to 4095, and its labels (H, W)."""
    image, labels = render_scene(seed, size)
    infrared = image.mean(2) / 2
    infrared[labels == Label.VEGETATION] += 120
    infrared[labels == Label.SKY] = 10
    infrared += np.random.default_rng(seed).normal(0, 30, infrared.shape)
    image = np.dstack([image[..., ::-1], infrared])[..., :channels]
    return (16 * image).clip(0, 4095).astype(np.uint16), labels


def write_files(args: argparse.Namespace) -> None:
    """Write the images and masks of both splits."""
    if args.suffix == '.tif' and tifffile is None:
        raise ValueError(
            "--suffix .tif needs one more package: pip install 'mmseg-plugins"
            "[channels]'; or take .npy"
        )
    with Progress(disable=not sys.stdout.isatty()) as bars:
        track = make_track(bars)
        for split, (first, number) in SPLITS.items():
            images, masks = (args.out / kind / split for kind in ('images', 'masks'))
            images.mkdir(parents=True, exist_ok=True)
            masks.mkdir(parents=True, exist_ok=True)
            for seed in track(range(first, first + number), number, split):
                image, labels = draw_channels(seed, tuple(args.size), args.channels)
                with output_file(images / f'{seed:07}{args.suffix}') as unfinished:
                    if args.suffix == '.npy':
                        np.save(unfinished, image)
                    else:
                        tifffile.imwrite(unfinished, image, photometric='rgb')
                with output_file(masks / f'{seed:07}.png') as unfinished:
                    unfinished.write_bytes(cv2.imencode('.png', labels)[1])
            print(f'{images}: {number} images')


def run(args: argparse.Namespace) -> None:
    """Draw the scenes, then write the picture."""
    if min(args.rows, args.columns) < 1:
        raise ValueError(
            f'--rows {args.rows} --columns {args.columns}: both must be at least 1'
        )
    if not cv2.haveImageWriter(str(args.out)):
        raise ValueError(f'{args.out}: the name must end with .png')
    seeds = args.first_seed + np.arange(args.rows * args.columns)
    seeds = seeds.reshape(args.rows, args.columns).tolist()
    size = tuple(args.size)
    with output_file(args.out) as unfinished:
        rows = [np.hstack([draw_pair(seed, size) for seed in row]) for row in seeds]
        options = (cv2.IMWRITE_PNG_COMPRESSION, 9)
        picture = cv2.imencode(args.out.suffix, np.vstack(rows), options)[1]
        args.out.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(picture)
    print(f'{args.out}: seeds {seeds[0][0]} to {seeds[-1][-1]}')


def main(argv: list[str] | None = None) -> int:
    """Run the command; a wrong argument is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--out', type=Path, required=True, help='PNG, or folder with --channels'
    )
    parser.add_argument('--rows', type=int, default=4)
    parser.add_argument('--columns', type=int, default=3)
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument('--size', type=int, nargs=2, default=(192, 256), help='H W')
    parser.add_argument('--channels', type=int, choices=(3, 4), help='write a data set')
    parser.add_argument('--suffix', choices=('.tif', '.npy'), default='.tif')
    try:
        args = parser.parse_args(argv)
        if args.channels:
            write_files(args)
        else:
            run(args)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
