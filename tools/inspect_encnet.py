"""Draw what an EncNet makes of images: codewords, presence of classes, channel gates.

python tools/inspect_encnet.py CONFIG CHECKPOINT street.png --out-dir work_dirs/inspect
"""

from pathlib import Path

import numpy as np
from inspect_image import read, run
from matplotlib import colormaps
from matplotlib.figure import Figure  # without pyplot: no display is asked for
from mmengine.config import Config
from torch.nn import Module

from mmseg_plugins.decode_heads import EncHead

TAB20 = colormaps['tab20'](range(20))
TOP = ['image', 'prediction', 'codeword', 'relative']
BOTTOM = ['presence', 'gates', 'weight', 'usage']


def check(model: Module, config: str) -> None:
    """Refuse a model without codewords."""
    if not isinstance(getattr(model, 'decode_head', None), EncHead):
        raise ValueError(f'{config} has no mmseg_plugins.EncHead: give an EncNet')


def look(model: Module, cfg: Config, path: str) -> dict[str, np.ndarray]:
    """Run the model over a whole image, and note what passes through its head.

    Returns:
        ``image`` (H, W, 3), RGB; ``labels`` (H, W), the predicted classes;
        ``assignment`` (K, h, w), which sums to one over the codewords; ``gates`` (C,);
        ``presence`` (N,), the probability of each class, empty without an SE branch.
    """
    image, inputs = read(model, cfg, path)
    head, seen = model.decode_head, {}
    levels = model.extract_feat(inputs)
    encoding, gate = head.enc_module.encoding[0], head.enc_module.fc
    hooks = [
        module.register_forward_hook(lambda m, args, out: seen.update({m: (args, out)}))
        for module in (encoding, gate)
    ]
    logits = head.predict_by_feat(head(levels), [dict(img_shape=image.shape[:2])])
    for hook in hooks:
        hook.remove()
    return dict(
        image=image,
        labels=logits.argmax(1)[0].numpy(),
        assignment=encoding.assignment(seen[encoding][0][0])[0].numpy(),
        gates=seen[gate][1][0].numpy(),
        presence=head.presence(levels)[0].numpy() if head.use_se_loss else np.empty(0),
    )


def draw(seen: dict[str, np.ndarray], metainfo: dict, path: Path) -> None:
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
    names, shades = [metainfo['classes'][i] for i in top], TAB20[top % 20]
    axes['presence'].barh(names, seen['presence'][top], color=shades)
    figure.savefig(path)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    run(__doc__.splitlines()[0], check, look, draw, argv)


if __name__ == '__main__':
    main()
