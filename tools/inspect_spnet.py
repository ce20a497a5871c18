"""Draw what an SPNet makes of images: the gate of each strip pooling module.

python tools/inspect_spnet.py CONFIG CHECKPOINT street.png --out-dir work_dirs/inspect
"""

from pathlib import Path

import mmcv
import numpy as np
from inspect_image import read, run
from matplotlib import colormaps
from matplotlib.figure import Figure  # without pyplot: no display is asked for
from mmengine.config import Config
from torch import Tensor
from torch.nn import Module

from mmseg_plugins.layers import StripPooling

COLUMNS = 4
Seen = tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]


def check(model: Module, config: str) -> None:
    """Refuse a model without gates."""
    if not strip_poolings(model):
        raise ValueError(f'{config} has no mmseg_plugins.StripPooling: give an SPNet')


def strip_poolings(model: Module) -> dict[str, StripPooling]:
    """Return the strip pooling modules by name, such as ``layer4.0.spm``."""
    found = {n: m for n, m in model.named_modules() if isinstance(m, StripPooling)}
    return {name.removeprefix('backbone.'): m for name, m in found.items()}


def look(model: Module, cfg: Config, path: str) -> Seen:
    """Run the model over a whole image, and note the gates.

    Returns:
        The image (H, W, 3), RGB; the predicted classes (H, W); by the name of each
        module its gate (C, h, w), in (0, 1).
    """
    image, inputs = read(model, cfg, path)
    gates = {}

    def note(name: str, module: StripPooling, x: Tensor) -> None:
        gates[name] = module.gate_map(x)[0].numpy()

    hooks = [
        module.register_forward_hook(lambda m, args, _, n=name: note(n, m, args[0]))
        for name, module in strip_poolings(model).items()
    ]
    levels = model.extract_feat(inputs)
    for hook in hooks:
        hook.remove()
    logits = model.decode_head.predict_by_feat(
        model.decode_head(levels), [dict(img_shape=image.shape[:2])]
    )
    return image, logits.argmax(1)[0].numpy(), gates


def overlay(image: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """Lay the mean gate of the channels over the image, from dark blue to yellow.

    The colours span this gate's own smallest to largest mean.
    """
    mean = gate.mean(0)
    low, high = mean.min(), mean.max()
    scaled = (mean - low) / max(high - low, 1e-9)
    heat = mmcv.imresize(scaled.astype(np.float32), image.shape[1::-1])
    grey = image.mean(2, keepdims=True) / 255
    return 0.4 * grey + 0.6 * colormaps['viridis'](heat)[..., :3]


def draw(seen: Seen, metainfo: dict, path: Path) -> None:
    """Write one picture: the image, the predicted classes, and each gate over it."""
    image, labels, gates = seen
    rows = -(-(2 + len(gates)) // COLUMNS)
    height = 5 * rows * image.shape[0] / image.shape[1] + 0.6
    figure = Figure(figsize=(5 * COLUMNS, height), layout='constrained')
    palette = np.array(metainfo['palette'], np.uint8)
    panels = {'image': image, 'prediction': palette[labels]}
    for name, gate in gates.items():
        mean = gate.mean(0)
        title = f'{name}: {mean.min():.2f} to {mean.max():.2f}'
        panels[title] = overlay(image, gate)
    for index, (title, panel) in enumerate(panels.items(), 1):
        axis = figure.add_subplot(rows, COLUMNS, index, title=title)
        axis.imshow(panel)
        axis.axis('off')
    figure.savefig(path)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    run(__doc__.splitlines()[0], check, look, draw, argv)


if __name__ == '__main__':
    main()
