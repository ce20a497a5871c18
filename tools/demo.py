"""Train a network on the embedded scenes, evaluate it, and draw its predictions."""

import first_screen  # first: it keeps the screen free of the host's notes

# isort: split
import argparse
import errno
import os
import sys
import time
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from mmseg_plugins.drawing import class_names, class_palette, sheet
from mmseg_plugins.run_folder import find_checkpoint

CONFIG = 'configs/fcn/fcn-2s_vgg13-slim_1xb8-400_scenes-192x256.py'
OTHER_CONFIG = CONFIG.replace('fcn-2s', 'fcn-8s')
SCENE = 'scene://192x256/scene_2000000.png'


def draw(runner: Runner) -> np.ndarray:
    """Draw the sample images of the report side by side, in RGB."""
    headings = ['image', 'truth', 'prediction']
    start = f'{runner.work_dir}/report/images/sample'
    rows = [
        [np.array(Image.open(f'{start}_{k}_{x}.png').convert('RGB')) for x in headings]
        for k in range(4)
    ]
    meta = runner.val_dataloader.dataset.metainfo
    names = class_names(meta)
    # Without this the brown above some streets looks like an error.
    names[names.index('ceiling')] = 'ceiling (of a passage, painted like the sky)'
    return sheet(rows, headings, names, class_palette(meta))


def next_commands(run: str) -> list[str]:
    """Return commands to try with a run folder, as typed in the current folder."""
    python, root = Path(sys.executable), Path(__file__).resolve().parents[1]
    tools = f'{_from_here(python)} {_from_here(root / "tools")}'
    other = f'work_dirs/{Path(OTHER_CONFIG).stem}'
    return [
        f'# label a new scene, or your own file in its place\n{tools}/predict.py '
        f'{run} {SCENE}',
        f'# train FCN-8s, and see where the two differ\n{tools}/train.py '
        f'{_from_here(root / OTHER_CONFIG)} && \\\n{tools}/compare.py {run} {other}',
        f'# begin with your own photos and their masks\n{tools}/new.py IMAGES MASKS',
    ]


def _from_here(path: Path) -> Path:
    """Return a path without the current folder, if it is in there."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def main() -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=0, help='of all random numbers')
    parser.add_argument('--work-dir', default='work_dirs/demo')
    args = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    cfg = Config.fromfile(root / CONFIG)
    # A training does not begin in the folder of an earlier one.
    cfg.work_dir = os.path.join(args.work_dir, time.strftime('%Y%m%d_%H%M%S'))
    cfg.randomness = dict(seed=args.seed)
    start = time.perf_counter()
    with first_screen.short_log():
        runner = Runner.from_cfg(cfg)
        runner.train()  # it ends with an evaluation on the held-out scenes
    miou = runner.message_hub.get_scalar('val/mIoU').current()
    picture = Path(args.work_dir) / 'demo.png'
    Image.fromarray(draw(runner)).save(picture)
    print(
        f'\n{Path(CONFIG).stem}: mIoU {miou:.1f} on '
        f'{len(runner.val_dataloader.dataset)} held-out scenes, '
        f'{time.perf_counter() - start:.0f} s\n\n'
        f'Picture:    {picture} (image, truth and prediction)\n'
        f'Report:     {cfg.work_dir}/report.html\n'
        f'Checkpoint: {find_checkpoint(cfg.work_dir)}\n\n'
        'Try next:\n'
    )
    print('\n\n'.join(next_commands(cfg.work_dir)))


if __name__ == '__main__':
    try:
        main()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit('The disk is full: free 500 MiB and run make demo again.')
