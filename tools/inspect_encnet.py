"""Draw what an EncNet makes of images: codewords, presence of classes, channel gates.

python tools/inspect_encnet.py CONFIG CHECKPOINT street.png --out-dir work_dirs/inspect
"""

import argparse
import pickle
import sys
from pathlib import Path

import mmcv
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure  # without pyplot: no display is asked for
from mmengine import fileio
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import DATASETS, MODELS
from torch.nn import Module

from mmseg_plugins.decode_heads import EncHead

TAB20 = colormaps['tab20'](range(20))
TOP = ['image', 'prediction', 'codeword', 'relative']
BOTTOM = ['presence', 'gates', 'weight', 'usage']


def load(config: str, checkpoint: str) -> tuple[Module, Config]:
    """Build the model of a config with the weights of a checkpoint, for testing."""
    cfg = Config.fromfile(config)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = MODELS.build(cfg.model).eval().requires_grad_(False)
    if not isinstance(getattr(model, 'decode_head', None), EncHead):
        raise ValueError(f'{config} has no mmseg_plugins.EncHead: give an EncNet')
    try:
        load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f'{checkpoint} has not the weights of {config}') from error
    return model, cfg


def look(model: Module, cfg: Config, path: str) -> dict[str, np.ndarray]:
    """Run the model over a whole image, and note what passes through its head.

    Returns:
        ``image`` (H, W, 3), RGB; ``labels`` (H, W), the predicted classes;
        ``assignment`` (K, h, w), which sums to one over the codewords; ``gates`` (C,);
        ``presence`` (N,), the probability of each class, empty without an SE branch.
    """
    image = mmcv.imfrombytes(fileio.get(path))
    if image is None:
        raise ValueError(f'{path} is no image: give a PNG or a JPEG')
    size, head, seen = image.shape[:2], model.decode_head, {}
    steps = [step for step in cfg.test_pipeline if 'Load' not in step['type']]
    item = dict(img=image, img_path=path, img_shape=size, ori_shape=size)
    batch = {key: [value] for key, value in Compose(steps)(item).items()}
    levels = model.extract_feat(model.data_preprocessor(batch)['inputs'])
    encoding, gate = head.enc_module.encoding[0], head.enc_module.fc
    for module in (encoding, gate):
        module.register_forward_hook(lambda m, args, out: seen.update({m: (args, out)}))
    logits = head.predict_by_feat(head(levels), [dict(img_shape=size)])
    return dict(
        image=image[..., ::-1],
        labels=logits.argmax(1)[0].numpy(),
        assignment=encoding.assignment(seen[encoding][0][0])[0].numpy(),
        gates=seen[gate][1][0].numpy(),
        presence=head.presence(levels)[0].numpy() if head.use_se_loss else np.empty(0),
    )


def draw(seen: dict[str, np.ndarray], classes: list[str], path: Path) -> None:
    """Write one picture: predicted classes and presence share colours, codewords too.

    ``codeword`` is the one of most weight in a pixel, ``weight`` this weight,
    ``relative`` the one whose weight is most above its mean, which is its ``usage``.
    """
    figure = Figure(figsize=(20, 9), layout='constrained')
    axes = figure.subplot_mosaic([TOP, BOTTOM])
    for title, axis in axes.items():
        axis.set_title(title)
    weights, gates = seen['assignment'], seen['gates']
    usage = weights.mean((1, 2), keepdims=True)
    axes['image'].imshow(seen['image'])
    axes['prediction'].imshow(TAB20[seen['labels'] % 20])
    axes['codeword'].imshow(TAB20[weights.argmax(0) % 20])
    axes['relative'].imshow(TAB20[(weights / usage.clip(1e-9)).argmax(0) % 20])
    axes['weight'].imshow(weights.max(0), cmap='gray', vmin=0, vmax=1)
    axes['usage'].bar(range(len(usage)), usage.flat, color=TAB20)
    axes['gates'].bar(range(len(gates)), gates, width=1)
    top = seen['presence'].argsort()[-20:]
    names, shades = [classes[i] for i in top], TAB20[top % 20]
    axes['presence'].barh(names, seen['presence'][top], color=shades)
    figure.savefig(path)


def main(argv: list[str] | None = None) -> None:
    """Run the command; a mistake of the user's ends in one sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('images', nargs='+', help='files, or scene:// addresses')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/inspect'))
    args = parser.parse_args(argv)
    try:
        model, cfg = load(args.config, args.checkpoint)
        dataset = DATASETS.get(cfg.test_dataloader.dataset.type)
        args.out_dir.mkdir(parents=True, exist_ok=True)
        for path in args.images:
            target = args.out_dir / f'{Path(path).stem}.png'
            draw(look(model, cfg, path), dataset.METAINFO['classes'], target)
            print(target)
    except (OSError, ValueError) as error:
        sys.exit(f'{error}')


if __name__ == '__main__':
    main()
