"""Draw what an EncNet or an SPNet makes of images.

python tools/inspect_model.py CONFIG CHECKPOINT street.png --out-dir work_dirs/inspect

EncNet: the codewords of the pixels, the gates of the channels, which classes it sees.
SPNet: the gate of each strip pooling module.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from networks import load_segmentor

# isort: split
import mmcv
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure  # without pyplot, which would need a display
from mmengine import fileio
from mmseg.apis import inference_model
from torch import nn
from trust_argument import add_trust_argument

from mmseg_plugins.decode_heads import EncHead
from mmseg_plugins.layers import StripPooling

COLUMNS = 4
COLOURS = np.uint8(np.multiply(colormaps['tab20'].colors, 255))


def strip_poolings(model: nn.Module) -> dict[str, nn.Module]:
    """Return the strip pooling modules by name, such as ``layer4.0.spm``."""
    modules = {name.removeprefix('backbone.'): m for name, m in model.named_modules()}
    return {name: m for name, m in modules.items() if isinstance(m, StripPooling)}


def look(model: nn.Module, image: np.ndarray) -> dict[str, np.ndarray]:
    """Run a model over an image (H, W, 3), BGR, and keep what passes its parts.

    Returns:
        ``labels`` (H, W), the predicted classes; by the name of each strip pooling
        module its gate (C, h, w), from 0 to 1; for an EncHead ``assignment`` (K, h, w),
        which sums to 1 over the codewords, and ``gates`` (C,) and, with an SE branch,
        ``presence`` (num_classes,), both from 0 to 1.
    """
    head, strips = model.decode_head, strip_poolings(model)
    features = model.neck if model.with_neck else model.backbone
    parts = [features, *strips.values()]
    if isinstance(head, EncHead):
        encoding, gate = head.enc_module.encoding[0], head.enc_module.fc
        parts += [encoding, gate]
    elif not strips:
        raise ValueError(
            'the model has neither an EncHead nor a StripPooling of mmseg_plugins: '
            'give an EncNet or an SPNet'
        )
    inputs, outputs = {}, {}

    def keep(part: nn.Module, args: tuple, output: Any) -> None:
        inputs[part], outputs[part] = args[0], output

    hooks = [part.register_forward_hook(keep) for part in parts]
    model.test_cfg.mode = 'whole'  # each part sees the whole image, once
    found = dict(labels=inference_model(model, image).pred_sem_seg.data)
    for hook in hooks:
        hook.remove()
    for name, strip in strips.items():
        found[name] = strip.gate_map(inputs[strip])
    if isinstance(head, EncHead):
        found['assignment'] = encoding.assignment(inputs[encoding])
        found['gates'] = outputs[gate]
        if head.use_se_loss:
            found['presence'] = head.presence(outputs[features])
    return {name: values[0].numpy() for name, values in found.items()}


def overlay(image: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """Lay the mean of a gate (C, h, w), blue to yellow, over an image (H, W, 3)."""
    mean = gate.mean(0)
    scaled = (mean - mean.min()) / max(np.ptp(mean), 1e-9)
    heat = mmcv.imresize(scaled.astype(np.float32), image.shape[1::-1])
    grey = image.mean(2, keepdims=True) / 255
    return 0.4 * grey + 0.6 * colormaps['viridis'](heat)[..., :3]


def draw(model: nn.Module, image: np.ndarray, path: Path) -> None:
    """Write one picture with all that ``look`` found in an image (H, W, 3), BGR."""
    found, rgb = look(model, image), image[..., ::-1]
    palette = np.uint8(model.dataset_meta.get('palette') or COLOURS)
    panels = dict(image=rgb, prediction=palette[found['labels'] % len(palette)])
    for name in strip_poolings(model):
        mean = found[name].mean(0)
        title = f'{name}: {mean.min():.2f} to {mean.max():.2f}'
        panels[title] = overlay(rgb, found[name])
    if 'assignment' in found:
        weights = found['assignment']
        usage = weights.mean((1, 2))
        relative = weights / usage[:, None, None].clip(1e-9)
        panels['codeword'] = COLOURS[weights.argmax(0) % len(COLOURS)]
        panels['relative'] = COLOURS[relative.argmax(0) % len(COLOURS)]
        panels.update(weight=weights.max(0), usage=usage, gates=found['gates'])
    if 'presence' in found:
        panels['presence'] = found['presence']
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(5 * COLUMNS, 4 * rows), layout='constrained')
    for index, (title, panel) in enumerate(panels.items(), 1):
        axis = figure.add_subplot(rows, COLUMNS, index, title=title)
        if title == 'presence':
            names = dict(enumerate(model.dataset_meta.get('classes') or ()))
            top = panel.argsort()[-20:]
            colours = palette[top % len(palette)] / 255
            axis.barh([names.get(i, str(i)) for i in top], panel[top], color=colours)
        elif panel.ndim == 1:
            colours = COLOURS / 255 if title == 'usage' else None
            axis.bar(range(len(panel)), panel, width=1, color=colours)
        else:
            axis.imshow(panel, cmap='gray', vmin=0, vmax=1)
            axis.axis('off')
    figure.savefig(path)


def main(argv: list[str] | None = None) -> None:
    """Run the command; a wrong argument ends in one sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('images', nargs='+', help='files, or scene:// addresses')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/inspect'))
    add_trust_argument(parser)
    args = parser.parse_args(argv)
    try:
        for path in args.images:
            if '://' not in path and not Path(path).is_file():
                raise ValueError(f'{path} is not a file: correct the path')
        if len({Path(path).stem for path in args.images}) < len(args.images):
            raise ValueError('two images have one name: rename one, or run twice')
        model = load_segmentor(args.config, args.checkpoint)
        args.out_dir.mkdir(parents=True, exist_ok=True)
        for path in args.images:
            image = mmcv.imfrombytes(fileio.get(path))
            if image is None:
                raise ValueError(f'{path} is not an image: give a PNG or a JPEG')
            target = args.out_dir / f'{Path(path).stem}.png'
            draw(model, image, target)
            print(target)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
