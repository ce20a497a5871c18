"""Draw street scenes with their labels beside them, as one picture.

python tools/draw_scenes.py --out docs/scenes.png --rows 4 --columns 3
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from mmseg_plugins.datasets.scenes import IGNORE_INDEX, PALETTE, render_scene

GAP = 4
SMALLEST = (cv2.IMWRITE_PNG_COMPRESSION, 9)


def parse_args() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, required=True, help='the PNG to write')
    parser.add_argument('--rows', type=int, default=4)
    parser.add_argument('--columns', type=int, default=3)
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument(
        '--size', type=int, nargs=2, default=(192, 256), metavar=('H', 'W')
    )
    return parser.parse_args()


def draw_pair(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Return the image of a scene and its coloured labels side by side, in BGR."""
    image, labels = render_scene(seed, size)
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(PALETTE)] = PALETTE
    colours[IGNORE_INDEX] = 0
    pair = np.hstack([image, colours[labels][..., ::-1]])
    return np.pad(pair, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def main() -> None:
    """Write the picture."""
    args = parse_args()
    size = tuple(args.size)
    seeds = np.arange(args.rows * args.columns) + args.first_seed
    pairs = [draw_pair(seed, size) for seed in seeds.tolist()]
    rows = [
        np.hstack(pairs[start : start + args.columns])
        for start in range(0, len(pairs), args.columns)
    ]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(args.out), np.vstack(rows), SMALLEST):
        raise OSError(f'{args.out} could not be written; is the folder writable?')
    print(f'{args.out}: seeds {seeds[0]} to {seeds[-1]}')


if __name__ == '__main__':
    main()
