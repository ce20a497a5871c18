"""Write int8 and fp16 files beside an exported one; compare mIoU, time and size."""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.registry import DATASETS
from output_file import output_file
from prediction import Predictor
from quantization import convert_to_fp16, quantize_int8
from rich.progress import Progress
from sources import find_sources, is_video, make_track
from torch import Tensor, nn
from verification import open_exported, read_metadata

#: Of the measured times: height and width, threads, runs of each file.
SIZE, THREADS, RUNS = (512, 1024), 2, 15


def write_smaller(
    segmentor: nn.Module, path: Path, folder: str | None, fp16: bool
) -> None:
    """Write NAME_int8.onnx and NAME_fp16.onnx beside NAME.onnx, and compare them.

    Args:
        segmentor: Segmentor of ``networks.load_segmentor``.
        path: ONNX file of ``exporting.export``.
        folder: Folder of images to calibrate int8 with; None for no int8.
        fp16: Whether to write the file in 16-bit floats.

    Raises:
        ValueError: If the folder has no images, or the file has no classes.
    """
    paths = [path]
    with Progress(disable=not sys.stdout.isatty()) as bars:
        if folder:
            paths.append(path.with_stem(f'{path.stem}_int8'))
            with output_file(paths[-1]) as unfinished:
                images = read_calibration_images(segmentor, path, folder, bars)
                quantize_int8(path, unfinished, images)
        if fp16:
            paths.append(path.with_stem(f'{path.stem}_fp16'))
            with output_file(paths[-1]) as unfinished:
                convert_to_fp16(path, unfinished)
        scores = [measure_miou(segmentor, path, bars) for path in paths]
    heading = f'ms at {SIZE[0]} x {SIZE[1]}, {THREADS} threads'
    print(f'{"file":<30}{"mIoU":>7}{"change":>8}  {heading}{"speed":>8}{"MB":>7}')
    times = measure_times(paths)
    for path, score, milliseconds in zip(paths, scores, times, strict=True):
        print(
            f'{path.name:<30}{score:7.2f}{score - scores[0]:+8.2f}  '
            f'{milliseconds:{len(heading)}.1f}{times[0] / milliseconds:7.2f}x'
            f'{path.stat().st_size / 1e6:7.1f}'
        )


def read_calibration_images(
    segmentor: nn.Module, path: Path, folder: str, bars: Progress
) -> Iterator[np.ndarray]:
    """Yield the images (C, H, W) of a folder, as the test pipeline resizes them."""
    predictor, taken = Predictor(segmentor), read_metadata(path)['input']
    # The folder that is left out must hold no images: a file never does.
    sources = find_sources([folder], path, {}, predictor.suffixes)
    names = [name for name in sources if not is_video(name)]
    for name in make_track(bars)(names, len(names), 'calibration images'):
        data = predictor.start(dict(img=predictor.read_named(name)))
        for step in predictor.steps:
            data = step(data)
        yield _convert(data['inputs'], taken)


def measure_miou(segmentor: nn.Module, path: Path, bars: Progress) -> float:
    """Return the mIoU of a file, in percent, on the test set of its config.

    Logits are resized to the size of the annotation as in mmseg, labels by the nearest.

    Raises:
        ValueError: If the file has neither, or ``test_evaluator`` has no mIoU.
    """
    cfg, taken = segmentor.cfg, read_metadata(path)['input']
    run = open_exported(path)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    MMLogger.get_current_instance().setLevel('ERROR')  # no tables of all classes
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    indices = range(len(dataset))
    for index in make_track(bars)(indices, len(dataset), f'{path.name}: test images'):
        item = dataset[index]
        outputs = run(_convert(item['inputs'], taken)[None])
        sample = item['data_samples']
        size = tuple(sample.gt_sem_seg.shape)
        labels = choose_labels(outputs, size, segmentor.align_corners)
        sample.pred_sem_seg = PixelData(data=torch.from_numpy(labels)[None])
        evaluator.process([sample])
    metrics = evaluator.evaluate(len(dataset))
    if 'mIoU' not in metrics:
        raise ValueError(f'test_evaluator={cfg.test_evaluator}: must measure the mIoU')
    return metrics['mIoU']


def measure_times(paths: Sequence[Path]) -> list[float]:
    """Return the median time of each file in ms; the files run in turns."""
    torch.set_num_threads(THREADS)  # open_exported takes this number
    runs, times = [open_exported(path) for path in paths], [[] for _ in paths]
    taken = read_metadata(paths[0])['input']
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (1, taken['channels'], *SIZE))
    image = image.astype(taken['dtype'])
    for _ in range(RUNS + 1):
        for run, seconds in zip(runs, times, strict=True):
            start = time.perf_counter()
            run(image)
            seconds.append(time.perf_counter() - start)
    return [1000 * statistics.median(seconds[1:]) for seconds in times]


def _convert(inputs: Tensor, taken: dict) -> np.ndarray:
    """Return an image (C, H, W) of a test pipeline as the file takes it."""
    image = inputs.numpy()
    image = image[::-1] if taken['channel_order'] == 'RGB' else image
    return image.astype(taken['dtype'])


def choose_labels(
    outputs: dict[str, np.ndarray], size: tuple[int, int], align_corners: bool
) -> np.ndarray:
    """Return the labels (H, W) of one image from the outputs of a file."""
    if 'logits' in outputs and outputs['logits'].shape[1] > 1:
        logits = torch.from_numpy(outputs['logits'])
        logits = resize(logits, size, None, 'bilinear', align_corners, False)
        return logits[0].argmax(0).numpy()
    if 'labels' not in outputs:
        raise ValueError('the file has no classes to compare: --outputs labels')
    return cv2.resize(outputs['labels'][0], size[::-1], None, 0, 0, cv2.INTER_NEAREST)
