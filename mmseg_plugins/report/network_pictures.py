"""Pictures of each network's own idea, drawn while it looks at one image.

FCN: the classes from its coarsest scores to its finest. SPNet: the gates of strip
pooling and the two ranges of mixed pooling. EncNet: the codewords of the pixels, and
the classes that it expects. DFANet: the classes after each pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from typing import Any

import cv2
import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure  # without pyplot, which would need a display
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmseg_plugins.backbones import DFANet
from mmseg_plugins.decode_heads import DFAHead, EncHead, FCNPad100Head, FCNSkipHead
from mmseg_plugins.decode_heads.fcn_pad100_head import (
    UnpaddedDeconv,
    crop,
    crop_offsets,
    deconv_kernel_size,
)
from mmseg_plugins.decode_heads.fcn_skip_head import stride_steps, upscore_name
from mmseg_plugins.drawing import class_names, class_palette, paint, sheet
from mmseg_plugins.layers import BilinearUpsample, Encoding, MixedPooling, StripPooling

INPUT_SIDE, CELL_SIDE = 512, 320  # longer side of the input, of a drawn map
MAX_COLUMNS, MAX_BARS, MAX_CODEWORDS = 4, 20, 5
CAPTIONS = {
    'From coarse to fine': 'FCN adds the scores of its levels, from the coarsest '
    '(early) to the finest (last, the prediction). Each image shows the classes by the '
    'sum up to there.',
    'After each pass': 'DFANet refines its features in several passes, and its head '
    'adds them all. Each image shows what this head would predict without the later '
    'passes; it was trained with all of them, so early images are rough. The last one '
    'is the prediction.',
    'Gates of strip pooling': 'Each module multiplies its features by a gate from the '
    'means of rows and columns; early layers come first. Yellow: the gate is open, '
    'blue: more closed; the numbers are the means over the channels there.',
    'Mixed pooling': 'Each module looks at squares around a pixel and at its whole row '
    'and column; the first module comes first. Yellow: this part answers most there, '
    'blue: least; the numbers are means over the channels.',
    'Codewords of the pixels': 'EncNet describes each pixel by its weights of learned '
    'codewords. Third image: one colour for each codeword (not a class), that whose '
    'weight is largest relative to its mean. The others show the codewords that vary '
    'most. Yellow: the largest weight, blue: the smallest.',
    'Classes that the network expects': 'The probability that a class is anywhere in '
    'the image. EncNet reads it from the codewords, before it labels pixels.',
}


@dataclass(frozen=True)
class Picture:
    """A picture to look at: ``image`` is (H, W, 3), RGB, uint8."""

    title: str
    caption: str
    image: np.ndarray


@dataclass
class Trace:
    """What passed through the parts of a network while it looked at one image."""

    image: np.ndarray  # (H, W, 3), RGB
    padded: torch.Size  # height and width of the network's input
    features: Any  # what the decode head received
    prediction: np.ndarray  # labels (H, W)
    inputs: dict[nn.Module, Any]  # first argument of a module
    outputs: dict[nn.Module, Any]  # output of a module


def network_pictures(
    model: Any,
    image: np.ndarray,
    meta: Mapping[str, Any] | None = None,
    picture: np.ndarray | None = None,
) -> list[Picture]:
    """Draw how a network comes to its prediction; the model stays as it was.

    Args:
        model: A segmentor of mmseg, on any device.
        image: (H, W, 3), BGR, uint8, or all channels of a network that takes others.
            The network sees it whole, scaled down so that no side exceeds 512 pixels.
        meta: Classes and palette; by default the model's ``dataset_meta``. Either may
            be missing.
        picture: (H, W, 3), RGB, uint8, what is drawn instead of ``image``.

    Returns:
        The pictures, or an empty list for a network without a picture of its own.
    """
    head, strips = model.decode_head, modules_of(model, StripPooling)
    pools = modules_of(model, MixedPooling)
    has_passes = isinstance(head, DFAHead) and isinstance(model.backbone, DFANet)
    has_passes = has_passes and not model.with_neck
    if not (strips or pools or has_passes or isinstance(head, (FCNSkipHead, EncHead))):
        return []
    meta = getattr(model, 'dataset_meta', None) or {} if meta is None else meta
    with evaluation_mode(model), torch.no_grad():
        trace = look(model, image, picture)
        seen = _painted({'prediction': trace.prediction}, meta)
        cells = {}
        if isinstance(head, FCNSkipHead):
            cells['From coarse to fine'] = _painted(coarse_to_fine(head, trace), meta)
        if has_passes:
            cells['After each pass'] = _painted(after_each_pass(head, trace), meta)
        if strips:
            cells['Gates of strip pooling'] = seen | _gates(strips, trace)
        if pools:
            cells['Mixed pooling'] = seen | _ranges(pools, trace)
        if isinstance(head, EncHead):
            cells['Codewords of the pixels'] = seen | _codewords(head, trace)
        images = {title: _grid(maps, trace) for title, maps in cells.items()}
        if isinstance(head, EncHead) and head.use_se_loss:
            presence = head.presence(trace.features)[0].cpu().numpy()
            images['Classes that the network expects'] = _bars(presence, meta)
    return [Picture(title, CAPTIONS[title], image) for title, image in images.items()]


def modules_of(model: nn.Module, kind: type) -> dict[str, Any]:
    """Return the modules of a type by their names, without those for training only."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, kind) and not name.startswith('auxiliary_head')
    }


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Switch to evaluation; afterwards give each module its own mode back."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def look(model: Any, image: np.ndarray, picture: np.ndarray | None = None) -> Trace:
    """Run a segmentor in evaluation mode over an image, as in network_pictures."""
    scale = min(1, INPUT_SIDE / max(image.shape[:2]))
    shown = image[..., ::-1] if picture is None else picture
    image, shown = (
        cv2.resize(x, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for x in (image, shown)
    )
    # OpenCV leaves out the axis of a single channel.
    pixels = torch.from_numpy(np.atleast_3d(image).astype(np.float32)).permute(2, 0, 1)
    sample = SegDataSample(metainfo=dict(img_shape=image.shape[:2]))
    data = dict(inputs=[pixels], data_samples=[sample])
    x = model.data_preprocessor(data)['inputs']
    inputs: dict[nn.Module, Any] = {}
    outputs: dict[nn.Module, Any] = {}

    def keep(module: nn.Module, arguments: tuple, output: Any) -> None:
        inputs[module], outputs[module] = arguments[0], output

    source = model.neck if model.with_neck else model.backbone
    hooks = [part.register_forward_hook(keep) for part in [source, *_parts(model)]]
    padded = x.shape[2:]
    meta = dict(img_shape=padded, pad_shape=padded, ori_shape=padded)
    try:
        scores = model.encode_decode(x, [meta])
    finally:
        for hook in hooks:
            hook.remove()
    head = model.decode_head
    head = head[-1] if isinstance(head, nn.ModuleList) else head  # of a cascade
    labels = _labels(head, scores, image.shape)
    return Trace(shown, padded, outputs[source], labels, inputs, outputs)


def _parts(model: nn.Module) -> Iterator[Any]:
    """Yield the parts whose inputs or outputs are drawn."""
    for module in model.modules():
        if isinstance(module, (StripPooling, Encoding)):
            yield module
        elif isinstance(module, MixedPooling):
            yield from (module.fuse_short, module.fuse_long)
        elif isinstance(module, FCNSkipHead):
            for step in stride_steps(module.strides):
                yield module.get_submodule(upscore_name(*step))


def coarse_to_fine(head: FCNSkipHead, trace: Trace) -> dict[str, np.ndarray]:
    """Return the labels (H, W) by the scores down to each stride, coarsest first."""
    labels: dict[str, np.ndarray] = {}
    for source, target in stride_steps(head.strides):
        score = trace.inputs[head.get_submodule(upscore_name(source, target))]
        if target == 1:
            score = head.predict_by_feat(score, [dict(img_shape=trace.padded)])
        elif isinstance(head, FCNPad100Head):
            kernel_size = deconv_kernel_size(source, head.centre)
            upsample = UnpaddedDeconv(score.shape[1], source, kernel_size, False)
            strides = [stride for stride in head.strides if stride >= source]
            offset = crop_offsets(strides, head.centre)[1]
            score = crop(upsample.to(score)(score), trace.padded, offset)
        else:
            score = BilinearUpsample(source, head.align_corners)(score, trace.padded)
        labels[f'FCN-{source}s'] = _labels(head, score, trace.image.shape)
    return labels


def after_each_pass(head: Any, trace: Trace) -> dict[str, np.ndarray]:
    """Return the labels (H, W) by the levels of the first passes, fewest first.

    The head adds maps of all levels. Those of later passes are left out of its sums.
    """
    number = len(trace.features) // 2  # low levels of all passes, then the high ones
    levels = head._transform_inputs(trace.features)
    convs = [*head.low_convs, *head.high_convs]
    maps = [conv(level) for conv, level in zip(convs, levels, strict=True)]
    labels: dict[str, np.ndarray] = {}
    for last in range(number):
        kept = [index % number <= last for index in head.in_index]
        lows = list(compress(maps[: head.num_low], kept))
        sums = list(compress(maps[head.num_low :], kept[head.num_low :]))
        if lows:
            sums.insert(0, head.fusion(head._sum(lows)))
        if sums:
            scores = head.cls_seg(head._sum(sums))
            scores = head.predict_by_feat(scores, [dict(img_shape=trace.padded)])
            heading = 'pass 1' if last == 0 else f'passes 1 to {last + 1}'
            labels[heading] = _labels(head, scores, trace.image.shape)
    return labels


def _labels(head: Any, scores: Tensor, shape: Sequence[int]) -> np.ndarray:
    """Return the labels (H, W) of scores (1, K, ...), without the padding."""
    if scores.shape[1] > 1:
        labels = scores[0].argmax(0)
    else:
        labels = scores[0, 0].sigmoid() > head.threshold
    return labels.byte().cpu().numpy()[: shape[0], : shape[1]]


def _painted(
    labels: dict[str, np.ndarray], meta: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    return {name: paint(x, class_palette(meta)) for name, x in labels.items()}


def draw_heats(maps: dict[str, Tensor], trace: Trace) -> dict[str, np.ndarray]:
    """Lay the means of maps (1, C, h, w), blue to yellow, over the image.

    Headings: the lowest and the highest mean.
    """
    grey = cv2.cvtColor(trace.image, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    cells: dict[str, np.ndarray] = {}
    for name, values in maps.items():
        mean = values[0].float().mean(0).cpu().numpy()
        low, high = mean.min(), mean.max()
        scaled = (mean - low) / max(high - low, 1e-9)
        scaled = cv2.resize(scaled, trace.padded[::-1])[:height, :width]
        colours = 255 * colormaps['viridis'](scaled)[..., :3]
        heat = (0.4 * grey[..., None] + 0.6 * colours).astype(np.uint8)
        cells[f'{name}: {low:.2f} to {high:.2f}'] = heat
    return cells


def _gates(strips: dict[str, Any], trace: Trace) -> dict[str, np.ndarray]:
    gates = {}
    for name, strip in strips.items():
        heading = name.removeprefix('backbone.').removesuffix('.spm')
        gates[heading] = strip.gate_map(trace.inputs[strip])
    return draw_heats(gates, trace)


def _ranges(pools: dict[str, Any], trace: Trace) -> dict[str, np.ndarray]:
    ranges = {}
    for number, pool in enumerate(pools.values(), 1):
        ranges[f'{number} squares'] = trace.outputs[pool.fuse_short]
        ranges[f'{number} strips'] = trace.outputs[pool.fuse_long]
    return draw_heats(ranges, trace)


def _codewords(head: Any, trace: Trace) -> dict[str, np.ndarray]:
    encoding = head.enc_module.encoding[0]
    weights = encoding.assignment(trace.inputs[encoding])
    relative = weights / weights.mean((2, 3), keepdim=True).clamp(1e-9)
    relative = resize(relative, trace.padded, None, 'nearest')
    codewords = _labels(head, relative, trace.image.shape)
    by_variation = weights[0].std((1, 2)).argsort(descending=True).tolist()
    maps = {
        f'codeword {i}': weights[:, i : i + 1] for i in by_variation[:MAX_CODEWORDS]
    }
    return {**_painted({'codewords': codewords}, {}), **draw_heats(maps, trace)}


def _grid(cells: dict[str, np.ndarray], trace: Trace) -> np.ndarray:
    """Draw the image and maps of its size, with headings, in at most four columns."""
    images, headings = [trace.image, *cells.values()], ['image', *cells]
    num_rows = -(-len(images) // MAX_COLUMNS)
    columns = -(-len(images) // num_rows)
    scale = min(1, CELL_SIDE / max(trace.image.shape[:2]))
    images = [cv2.resize(image, None, fx=scale, fy=scale) for image in images]
    num_blanks = num_rows * columns - len(images)
    images += [np.full_like(images[0], 255)] * num_blanks
    headings += [''] * num_blanks
    rows = [
        sheet([images[first : first + columns]], headings[first : first + columns])
        for first in range(0, len(images), columns)
    ]
    return np.concatenate(rows)


def _bars(presence: np.ndarray, meta: Mapping[str, Any]) -> np.ndarray:
    """Draw the largest probabilities (K,) as bars, the largest on top."""
    names, palette = class_names(meta), class_palette(meta)
    top = presence.argsort()[-MAX_BARS:]
    figure = Figure(figsize=(6.4, 1 + 0.2 * len(top)), layout='constrained')
    axis = figure.add_subplot(xlim=(0, 1), xlabel='probability')
    axis.barh(
        range(len(top)), presence[top], color=palette[top] / 255, edgecolor='grey'
    )
    axis.set_yticks(range(len(top)), [names[label] for label in top])
    axis.spines[['right', 'top']].set_visible(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
