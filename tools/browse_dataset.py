"""Draw the training images of a config as the network gets them, with their labels.

python tools/browse_dataset.py CONFIG --output-dir seen --not-show
"""

import argparse
from pathlib import Path

import first_screen  # noqa: F401  first: it says how to fix the environment
from networks import load_config

# isort: split
import numpy as np
from mmengine import track_iter_progress
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, VISUALIZERS

from mmseg_plugins.datasets.multi_channel import find_loader


def main() -> None:
    """Draw images, on the screen or into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='file, or package::folder/file.py')
    parser.add_argument('--output-dir', type=Path, help='where to write the pictures')
    parser.add_argument('--not-show', action='store_true', help='open no window')
    parser.add_argument(
        '--limit', type=int, default=50, help='images to draw, spread over the data set'
    )
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    if args.limit < 1:
        parser.error(f'--limit {args.limit}: must be at least 1')
    cfg = load_config(args.config)
    cfg.merge_from_dict(args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    visualizer = VISUALIZERS.build(cfg.visualizer)
    visualizer.dataset_meta = dataset.metainfo
    load = find_loader(dataset)
    number = min(args.limit, len(dataset))
    for position in track_iter_progress(range(number)):
        index = position * len(dataset) // number
        item = dataset[index]
        # Images of several folders may have one name.
        path = Path(item['data_samples'].img_path)
        # OpenCV writes no .npy.
        name = f'{index:06}_{path.with_suffix(".png").name if load else path.name}'
        image = item['inputs'].permute(1, 2, 0).numpy()
        # As RGB. Mmseg's own tool passes a view, which OpenCV refuses on mmseg 1.2.2.
        image = np.ascontiguousarray(load.draw(image) if load else image[..., ::-1])
        visualizer.add_datasample(
            name,
            image,
            item['data_samples'].numpy(),
            draw_pred=False,
            show=not args.not_show,
            wait_time=2,  # seconds
            out_file=args.output_dir and str(args.output_dir / name),
        )
    if number < len(dataset):
        print(f'\nDrew {number} of {len(dataset)} images: --limit draws more')


if __name__ == '__main__':
    main()
