"""Counts pixels while a network is evaluated, and keeps a few images to look at."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import mmcv
import numpy as np
import torch
from mmengine import fileio
from mmengine.dist import get_dist_info
from PIL import Image
from torch import Tensor

from mmseg_plugins.drawing import class_names, class_palette

from .evaluation import Evaluation, image_miou
from .network_pictures import Picture

NUM_KEPT = 4  # images of each kind: best, worst, sample
LARGEST_SIDE = 640  # of the pictures, in pixels


@dataclass(eq=False)
class ImageRecord:
    """What is known of one image.

    Attributes:
        position: Its place in the data set, from 0.
        path: File or address of the image.
        counts: (3, C) int64, pixels of each class: right, predicted, labelled.
        maps: ``truth`` and ``prediction``, (h, w) uint8, scaled down; ignored pixels of
            the truth are 255. Empty if the image is not kept.
    """

    position: int
    path: str
    counts: np.ndarray
    maps: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def miou(self) -> float:
        """Mean IoU of the classes that are labelled in the image; NaN without any."""
        return float(image_miou(*self.counts))


class Collector:
    """Counts the pixels of each image on the device of its prediction.

    Args:
        num_classes: Number of classes C, at most 255.
        ignore_index: Label that is not counted.
        num_images: Number of images of the data set. In a distributed run, samplers
            repeat some images at the end; these are not counted again.
    """

    def __init__(self, num_classes: int, ignore_index: int, num_images: int) -> None:
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.num_images = num_images
        self.rank, self.world_size = get_dist_info()
        self.records: list[ImageRecord] = []
        self.kept: set[ImageRecord] = set()
        self.confusion = torch.zeros(num_classes, num_classes, dtype=torch.long)

    def add(self, path: str, prediction: Tensor, truth: Tensor) -> None:
        """Count an image, and keep it if it is among the best, worst or sample images.

        Args:
            path: File or address of the image.
            prediction: (H, W), integer labels.
            truth: (H, W), integer labels.
        """
        position = len(self.records) * self.world_size + self.rank
        if position >= self.num_images:
            return
        truth = truth.to(prediction.device).int()
        is_counted = truth != self.ignore_index
        size = self.num_classes + 1  # the last one counts labels that are no class
        rows, columns = (
            labels.where((labels >= 0) & (labels < self.num_classes), size - 1)
            for labels in (truth[is_counted], prediction[is_counted].int())
        )
        pairs = torch.bincount(size * rows + columns, minlength=size**2)
        matrix = pairs.view(size, size)
        self.confusion = self.confusion.to(matrix.device) + matrix[:-1, :-1]
        counts = torch.stack([matrix.diagonal(), matrix.sum(0), matrix.sum(1)])
        record = ImageRecord(position, path, counts[:, :-1].cpu().numpy())
        self.records.append(record)
        candidates = {*self.kept, record}
        self.kept = set().union(*choose(candidates, self.num_images).values())
        for dropped in candidates - self.kept:
            dropped.maps.clear()
        if record in self.kept:
            record.maps['truth'] = shrink(truth.where(is_counted, 255))
            record.maps['prediction'] = shrink(prediction)

    def result(self) -> tuple[list[ImageRecord], np.ndarray]:
        """Return the images and the confusion matrix (C, C) of this process."""
        return self.records, self.confusion.cpu().numpy()


def choose(
    records: Iterable[ImageRecord], num_images: int
) -> dict[str, list[ImageRecord]]:
    """Return the ``best`` and ``worst`` images, and four spread evenly as ``sample``.

    No image is both best and worst; of few images there are fewer than four.
    """
    ordered = sorted(records, key=lambda record: record.position)
    scored = sorted(
        (record for record in ordered if not isnan(record.miou)),
        key=lambda record: -record.miou,
    )
    num_worst = min(NUM_KEPT, len(scored) // 2)
    num_best = min(NUM_KEPT, len(scored) - num_worst)
    samples = np.linspace(0, num_images - 1, NUM_KEPT).round()
    return dict(
        best=scored[:num_best],
        worst=scored[::-1][:num_worst],
        sample=[record for record in ordered if record.position in samples],
    )


def shrink(labels: Tensor) -> np.ndarray:
    """Return labels (H, W) as uint8, scaled down to sides of at most 640 pixels."""
    scale = min(LARGEST_SIDE / max(labels.shape), 1)
    height, width = (max(int(side * scale), 1) for side in labels.shape)
    pixels = labels.to(torch.uint8).cpu().numpy()
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def evaluation_of(
    records: list[ImageRecord], confusion: np.ndarray, meta: Mapping[str, Any]
) -> Evaluation:
    """Return the counts of all images; their names are paths from a common folder.

    Args:
        records: The images of all processes.
        confusion: (C, C), rows are the labelled classes.
        meta: The data set's ``metainfo``, with C class names.
    """
    records = sorted(records, key=lambda record: record.position)
    intersection, predicted, labelled = np.stack([r.counts for r in records], axis=1)
    # An address, scene://..., counts as a path, too.
    paths = [os.path.abspath(record.path) for record in records]
    folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    return Evaluation(
        np.array([os.path.relpath(path, folder) for path in paths]),
        intersection,
        predicted,
        labelled,
        confusion,
        np.array(class_names(meta)),
        class_palette(meta)[: len(confusion)],
    )


def save_results(
    folder: Path,
    evaluation: Evaluation,
    chosen: dict[str, list[ImageRecord]],
    summary: dict[str, Any],
    read: Callable[[str], np.ndarray | None],
) -> None:
    """Write evaluation.npz, summary.json and images/ into a folder.

    The files are written beside the folder and then moved: if the disk is full, older
    files stay as they are. In images/, ``{kind}_{number}_image.png`` is RGB; the files
    for ``truth`` and ``prediction`` are palette images: each pixel holds its label, and
    programs show the colour of its class.

    Args:
        folder: The folder, which may exist.
        evaluation: The counts of all images.
        chosen: The images to keep by their kind, from :func:`choose`.
        summary: What summary.json has besides the names of the pictures.
        read: From the path of an image to (H, W, 3), BGR, uint8, as
            :func:`read_image`.
    """
    palette = class_palette(dict(palette=evaluation.palette))
    pictures = []
    with TemporaryDirectory(dir=folder.parent, prefix='report.') as name:
        temporary = Path(name)
        evaluation.save(temporary)
        (temporary / 'images').mkdir()
        for kind, records in chosen.items():
            for number, record in enumerate(records):
                _save_image(
                    record, palette, f'{temporary}/images/{kind}_{number}', read
                )
                place = dict(kind=kind, number=number, position=record.position)
                pictures.append(place)
        summary = summary | dict(pictures=pictures, network_pictures=[])
        (temporary / 'summary.json').write_text(json.dumps(summary, indent=1))
        folder.mkdir(exist_ok=True)
        shutil.rmtree(folder / 'images', ignore_errors=True)
        for path in temporary.iterdir():
            path.replace(folder / path.name)


def _save_image(
    record: ImageRecord, palette: np.ndarray, start: str, read: Callable
) -> None:
    for name, labels in record.maps.items():
        picture = Image.fromarray(labels)
        picture.putpalette(palette.tobytes())
        picture.save(f'{start}_{name}.png')
    height, width = record.maps['truth'].shape
    image = read(record.path)
    if image is None:
        image = np.zeros((height, width, 3), np.uint8)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    Image.fromarray(image[..., ::-1]).save(f'{start}_image.png')


def save_network_pictures(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write ``images/network_{number}.png``; their texts go into summary.json."""
    path = folder / 'summary.json'
    summary = json.loads(path.read_text())
    for number, picture in enumerate(pictures):
        Image.fromarray(picture.image).save(folder / f'images/network_{number}.png')
        texts = dict(title=picture.title, caption=picture.caption)
        summary['network_pictures'].append(texts)
    path.write_text(json.dumps(summary, indent=1))


def read_image(path: str) -> np.ndarray | None:
    """Return an image (H, W, 3), BGR, uint8; None if OpenCV cannot read it."""
    return mmcv.imfrombytes(fileio.get(path))
