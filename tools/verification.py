"""Run exported files and compare them with the network that they were made from."""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from exporting import METADATA_KEY, ExportableNetwork
from torch import Tensor

from mmseg_plugins.datasets.scenes import render_scene

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

#: Height and width of the images that a file is verified with.
SIZES = ((97, 131), (360, 480), (512, 1024))
#: Largest difference of a file in float32, relative to the largest logit.
TOLERANCE = 1e-3
Runner = Callable[[np.ndarray], dict[str, np.ndarray]]


class Row(NamedTuple):
    """The comparison of one batch of images.

    Attributes:
        shape: N, C, H, W.
        difference: The largest difference of any output, relative to the largest logit.
            A label that differs counts as much as the network prefers its own label.
        changed: Share of the pixels with another label.
    """

    shape: tuple[int, ...]
    difference: float
    changed: float


def open_exported(path: Path) -> Runner:
    """Return a function from images (N, C, H, W) to the outputs by name.

    Raises:
        ValueError: If ONNX Runtime is missing.
    """
    if path.suffix == '.onnx':
        if onnxruntime is None:
            raise ValueError(
                f"{path}: needs more packages: pip install 'mmseg-plugins[export]'"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # an error is raised as well
        session = onnxruntime.InferenceSession(
            path, options, providers=['CPUExecutionProvider']
        )
        names = [output.name for output in session.get_outputs()]
        return lambda images: dict(
            zip(names, session.run(None, {'images': images}), strict=True)
        )
    graph, metadata = _load(path)
    names = [output['name'] for output in json.loads(metadata)['outputs']]

    @torch.no_grad()
    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        results = graph(torch.from_numpy(images))
        return {
            name: result.numpy() for name, result in zip(names, results, strict=True)
        }

    return run


def read_metadata(path: Path) -> dict:
    """Return what ``exporting.describe`` wrote into a file."""
    if path.suffix == '.onnx':
        session = onnxruntime.InferenceSession(path)
        text = session.get_modelmeta().custom_metadata_map[METADATA_KEY]
    else:
        text = _load(path)[1]
    return json.loads(text)


def _load(path: Path) -> tuple[Callable, str]:
    """Return the graph and the metadata of a file of torch."""
    extra = {METADATA_KEY: ''}
    if path.suffix == '.pt2':
        graph = torch.export.load(path, extra_files=extra).module()
    else:
        graph = torch.jit.load(str(path), _extra_files=extra)
    return graph, extra[METADATA_KEY]


@torch.no_grad()
def compare(
    network: ExportableNetwork, path: Path, images: Iterable[np.ndarray]
) -> Iterator[Row]:
    """Compare a file with its network at each batch of raw images (N, C, H, W).

    Raises:
        ValueError: If the network or the file cannot be run, or they differ by more
            than ``TOLERANCE``.
    """
    try:
        run = open_exported(path)
    except Exception as error:  # ONNX Runtime has no narrower class of its own
        raise ValueError(f'the file cannot be opened: {str(error)[:200]}') from error
    for batch in images:
        logits = _run(network.predict_logits, torch.from_numpy(batch), 'network itself')
        results = _run(run, batch, 'file')
        row = _compare(network, logits, results, batch.shape)
        yield row
        if not row.difference <= TOLERANCE:  # nor is it NaN
            raise ValueError(
                f'the largest difference is {row.difference:.1e} of the largest logit, '
                f'and must be at most {TOLERANCE:g}'
            )


def _run(function: Callable, batch: Any, name: str) -> Any:
    try:
        return function(batch)
    except Exception as error:  # ONNX Runtime has no narrower class of its own
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f'the {name} fails at images of shape {tuple(batch.shape)}: '
            f'{reason[-1][:200]}'
        ) from error


def _compare(
    network: ExportableNetwork, logits: Tensor, results: dict, shape: tuple[int, ...]
) -> Row:
    """Compare the outputs of a file with the logits of its network."""
    expected = dict(logits=logits, labels=network.classify(logits))
    if 'confidence' in results:
        expected['confidence'] = network.rate(logits, expected['labels'])
    actual = {name: torch.from_numpy(result) for name, result in results.items()}
    for name, result in actual.items():
        if result.shape != expected[name].shape:
            raise ValueError(
                f'its {name} have the shape {tuple(result.shape)}, and must have '
                f'{tuple(expected[name].shape)}'
            )
    labels = actual.get('labels', expected['labels'])
    if 'labels' not in actual and 'logits' in actual:
        labels = network.classify(actual['logits'])
    is_changed = labels != expected['labels']
    scale = logits.abs().max().clamp(min=1e-6)
    differences = [torch.zeros(())]
    if 'logits' in actual:
        differences.append((actual['logits'] - logits).abs().max() / scale)
    if is_changed.any():
        differences.append(
            _preference(network, logits, labels)[is_changed].max() / scale
        )
    if 'confidence' in actual:
        # Where the logits of two classes are equal, each may have its own temperature.
        error = (actual['confidence'] - expected['confidence']).abs()
        steepness = (scale / network.temperature.min()).clamp(min=1)
        differences.append(error.masked_fill(is_changed, 0).max() / steepness)
    return Row(
        tuple(shape),
        torch.stack(differences).max().item(),
        is_changed.float().mean().item(),
    )


def _preference(network: ExportableNetwork, logits: Tensor, labels: Tensor) -> Tensor:
    """Return by how much (N, H, W) the best logit exceeds that of a label."""
    if logits.shape[1] == 1:
        return (logits[:, 0] - network.threshold).abs()
    return logits.amax(1) - logits.gather(1, labels[:, None].long())[:, 0]


def make_batches(
    network: ExportableNetwork, images: Sequence[np.ndarray] = ()
) -> Iterator[np.ndarray]:
    """Yield a batch for each of ``SIZES``, the second one of two images.

    Args:
        network: It says how many channels, and which type, images have.
        images: Images (H, W, C), RGB, that are resized; by default embedded scenes.
    """
    sources = itertools.cycle(images)
    for number, size in enumerate(SIZES):
        batch = []
        for seed in range(2 if number == 1 else 1):
            image = next(sources) if images else _scene(network, seed, size)
            image = cv2.resize(image, size[::-1]).reshape(*size, network.channels)
            batch.append(image.transpose(2, 0, 1))
        yield np.stack(batch).astype(network.input_type)


def _scene(network: ExportableNetwork, seed: int, size: tuple) -> np.ndarray:
    """Return a scene (H, W, C): RGB, or with any channels as the network expects."""
    image = render_scene(seed, size)[0][..., ::-1]
    if network.is_rgb:
        return image
    image = image[..., np.arange(network.channels) % 3].astype(np.float32)
    mean, std = (x.numpy().ravel() for x in (network.mean, network.std))
    image = mean + (image / 64 - 2) * std
    return image.clip(0, 255) if network.input_type == 'uint8' else image
