"""Train a network on the embedded scenes, evaluate it, and draw its predictions."""

import argparse
import errno
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner

CONFIG = 'configs/fcn/fcn-2s_vgg13-slim_1xb8-400_scenes-192x256.py'


def draw(runner: Runner, num_scenes: int) -> np.ndarray:
    """Draw image, truth and prediction of test scenes side by side, in BGR."""
    dataset = runner.test_dataloader.dataset
    palette = np.array(dataset.metainfo['palette'], np.uint8)[:, ::-1]
    palette = np.concatenate([palette, np.zeros((256 - len(palette), 3), np.uint8)])
    rows = []
    for i in range(min(num_scenes, len(dataset))):
        item = dataset[i]
        with torch.no_grad():
            result = runner.model.test_step(
                dict(inputs=[item['inputs']], data_samples=[item['data_samples']])
            )[0]
        image = item['inputs'].permute(1, 2, 0).numpy()
        truth = palette[result.gt_sem_seg.data[0].cpu().numpy()]
        prediction = palette[result.pred_sem_seg.data[0].cpu().numpy()]
        rows.append(np.hstack([image, truth, prediction]))
    return np.vstack(rows)


def main() -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=0, help='of all random numbers')
    parser.add_argument('--work-dir', default='work_dirs/demo')
    parser.add_argument('--scenes', type=int, default=4, help='test scenes to draw')
    args = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    cfg = Config.fromfile(root / CONFIG)
    # A training does not begin in the folder of an earlier one.
    cfg.work_dir = str(Path(args.work_dir, time.strftime('%Y%m%d_%H%M%S')))
    cfg.randomness = dict(seed=args.seed)
    start = time.perf_counter()
    runner = Runner.from_cfg(cfg)
    runner.train()
    metrics = runner.test()
    picture = Path(args.work_dir) / 'demo.png'
    if not cv2.imwrite(str(picture), draw(runner, args.scenes)):
        sys.exit(f'{picture} could not be written: check the folder and the disk')
    print(
        f'\n{Path(CONFIG).stem}: mIoU {metrics["mIoU"]:.1f} on '
        f'{len(runner.test_dataloader.dataset)} held-out scenes, '
        f'{time.perf_counter() - start:.0f} s\n'
        f'Image, truth and prediction: {picture}'
    )


if __name__ == '__main__':
    try:
        main()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit('The disk is full: free 500 MiB and run make demo again.')
