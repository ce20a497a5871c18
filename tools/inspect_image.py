"""What tools/inspect_encnet.py and tools/inspect_spnet.py share: their command.

A tool adds which models it takes, what it looks at in them and how it draws that.
"""

import argparse
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import mmcv
import numpy as np
from mmengine import fileio
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import DATASETS, MODELS
from torch import Tensor
from torch.nn import Module

Seen = TypeVar('Seen')
Check = Callable[[Module, str], None]


def load(config: str, checkpoint: str, check: Check) -> tuple[Module, Config]:
    """Build the model of a config with the weights of a checkpoint, for testing.

    ``check`` is given the model and the config's name, before the weights are read; it
    raises a ValueError where there is nothing to draw.
    """
    cfg = Config.fromfile(config)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = MODELS.build(cfg.model).eval().requires_grad_(False)
    check(model, config)
    try:
        load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f'{checkpoint} has not the weights of {config}') from error
    return model, cfg


def read(model: Module, cfg: Config, path: str) -> tuple[np.ndarray, Tensor]:
    """Return a whole image (H, W, 3), RGB, and the input (1, 3, h, w) made of it."""
    image = mmcv.imfrombytes(fileio.get(path))
    if image is None:
        raise ValueError(f'{path} is no image: give a PNG or a JPEG')
    size = image.shape[:2]
    steps = [step for step in cfg.test_pipeline if 'Load' not in step['type']]
    item = dict(img=image, img_path=path, img_shape=size, ori_shape=size)
    batch = {key: [value] for key, value in Compose(steps)(item).items()}
    return image[..., ::-1], model.data_preprocessor(batch)['inputs']


def run(
    description: str,
    check: Check,
    look: Callable[[Module, Config, str], Seen],
    draw: Callable[[Seen, dict, Path], None],
    argv: list[str] | None = None,
) -> None:
    """Run the command; a mistake of the user's ends in one sentence.

    ``draw`` is given what ``look`` saw in an image, the METAINFO of the config's data
    set and the picture to write.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('images', nargs='+', help='files, or scene:// addresses')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/inspect'))
    args = parser.parse_args(argv)
    try:
        model, cfg = load(args.config, args.checkpoint, check)
        dataset = DATASETS.get(cfg.test_dataloader.dataset.type)
        args.out_dir.mkdir(parents=True, exist_ok=True)
        for path in args.images:
            target = args.out_dir / f'{Path(path).stem}.png'
            draw(look(model, cfg, path), dataset.METAINFO, target)
            print(target)
    except (OSError, ValueError) as error:
        sys.exit(f'{error}')
