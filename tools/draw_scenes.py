"""Draw street scenes with their labels beside them, as one picture.

python tools/draw_scenes.py --out docs/scenes.png --rows 4 --columns 3
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from output_file import output_file

from mmseg_plugins.datasets.scenes import PALETTE, render_scene

GAP = 4  # pixels


def draw_pair(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Return the image of a scene and its coloured labels side by side, in BGR."""
    image, labels = render_scene(seed, size)
    colours = np.zeros((256, 3), np.uint8)  # ignored pixels are black
    colours[: len(PALETTE)] = PALETTE
    pair = np.hstack([image, colours[labels][..., ::-1]])
    return np.pad(pair, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


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
    parser.add_argument('--out', type=Path, required=True, help='the PNG to write')
    parser.add_argument('--rows', type=int, default=4)
    parser.add_argument('--columns', type=int, default=3)
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument('--size', type=int, nargs=2, default=(192, 256), help='H W')
    try:
        run(parser.parse_args(argv))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
