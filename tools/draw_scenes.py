"""Draw street scenes with their labels beside them, as one picture.

python tools/draw_scenes.py --out docs/scenes.png --rows 4 --columns 3
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from mmseg_plugins.datasets.scenes import PALETTE, render_scene

GAP = 4  # pixels


def draw_pair(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Return the image of a scene and its coloured labels side by side, in BGR."""
    image, labels = render_scene(seed, size)
    colours = np.zeros((256, 3), np.uint8)  # ignored pixels are black
    colours[: len(PALETTE)] = PALETTE
    pair = np.hstack([image, colours[labels][..., ::-1]])
    return np.pad(pair, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, required=True, help='the PNG to write')
    parser.add_argument('--rows', type=int, default=4)
    parser.add_argument('--columns', type=int, default=3)
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument('--size', type=int, nargs=2, default=(192, 256), help='H W')
    args = parser.parse_args()
    seeds = args.first_seed + np.arange(args.rows * args.columns)
    seeds = seeds.reshape(args.rows, args.columns).tolist()
    size = tuple(args.size)
    rows = [np.hstack([draw_pair(seed, size) for seed in row]) for row in seeds]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    picture = np.vstack(rows)
    if not cv2.imwrite(str(args.out), picture, (cv2.IMWRITE_PNG_COMPRESSION, 9)):
        sys.exit(f'{args.out} could not be written: check the folder and the disk')
    print(f'{args.out}: seeds {seeds[0][0]} to {seeds[-1][-1]}')


if __name__ == '__main__':
    main()
