"""Make confidences agree with how often they are right, by a temperature.

python tools/calibrate.py RUN
python tools/calibrate.py CONFIG CHECKPOINT --per-class --out calibrated.pth

It fits the temperature on the validation set of the config, and writes it into the
checkpoint, where predict and export find it. Weights and labels stay as they are. With
--per-class there is one for each class, which is used where that class is predicted.
Then it measures the test set before and after, and draws a reliability diagram. If the
network predicts which classes occur in an image, it also measures the effect that
--suppress-absent of predict has on the mIoU.
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure  # without pyplot, which would need a display
from mmcv.transforms import LoadAnnotations
from mmengine.config import DictAction
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmseg.registry import DATASETS
from networks import load_segmentor
from output_file import output_file
from prediction import Predictor
from rich.progress import Progress
from sources import make_track
from torch import Tensor, nn
from trust_argument import add_trust_argument

from mmseg_plugins.confidence import find_temperature, fit_temperature
from mmseg_plugins.report.evaluation import divide, iou_of_counts, mean_of_numbers
from mmseg_plugins.run_folder import TRAINED, split_model_arguments
from mmseg_plugins.safe_unpickling import load

SAMPLED_LOGITS = 2**23  # in all images: it bounds the memory (64 MiB as float64)
FEWEST_PIXELS = 1000  # a class with fewer sampled ones has the temperature of all
NUM_BINS = 15
THRESHOLDS = (0.05, 0.1, 0.2, 0.5, 0.8)  # of the presence


class LabelledImages:
    """Images of a dataloader as its pipeline loads them, and their labels.

    The labels (H, W), int64, come with the pixels that count: those that have a class,
    and not the ignore index.
    """

    def __init__(self, model: nn.Module, part: str) -> None:
        dataloader = model.cfg.get(part)
        if dataloader is None:
            raise ValueError(f'the config has no {part}: add one')
        self.num_classes = max(model.num_classes, 2)
        self.ignore_index = model.decode_head.ignore_index
        self.items, datasets = [], [DATASETS.build(dataloader.dataset)]
        for dataset in datasets:
            inner = getattr(dataset, 'datasets', getattr(dataset, 'dataset', None))
            if inner is not None:  # ConcatDataset, RepeatDataset
                datasets += inner if isinstance(inner, list) else [inner]
                continue
            first, *steps = dataset.pipeline.transforms
            labels = [step for step in steps if isinstance(step, LoadAnnotations)]
            load_image, indices = Compose([first, *labels]), range(len(dataset))
            self.items += [
                (load_image, dataset.get_data_info(index)) for index in indices
            ]
        self.paths = {os.path.realpath(info['img_path']) for _, info in self.items}

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
        for load_image, info in self.items:
            data = load_image(info)
            image, labels = data['img'], data.get('gt_seg_map')
            if labels is None or labels.shape != image.shape[:2]:
                raise ValueError(
                    f'{info["img_path"]}: no labels of its size; check the file of '
                    'labels, and that the pipeline has LoadAnnotations'
                )
            truth = torch.from_numpy(labels.astype(np.int64))
            counts = (truth != self.ignore_index) & (truth < self.num_classes)
            yield image, truth, counts


class Calibration:
    """Confidences in 15 bins of equal width, and the negative log-likelihood.

    The rows of ``sums`` are the number of pixels in each bin, the sum of their
    confidences, and the number of right ones. A confidence of exactly 1 has a bin of
    its own, the last, as in torchmetrics.
    """

    def __init__(self) -> None:
        self.sums, self.loss = np.zeros((3, NUM_BINS + 1)), 0.0

    def add(self, confidences: Tensor, is_right: Tensor, losses: Tensor) -> None:
        """Add pixels (P,): confidences from 0 to 1, whether right, and losses."""
        edges = torch.linspace(0, 1, NUM_BINS + 1, device=confidences.device)
        bins = (torch.bucketize(confidences, edges, right=True) - 1).cpu().numpy()
        values = torch.stack([torch.ones_like(confidences), confidences, is_right])
        for sums, weights in zip(self.sums, values.cpu().numpy(), strict=True):
            sums += np.bincount(bins, weights, NUM_BINS + 1)
        self.loss += losses.double().sum().item()

    def error(self) -> float:
        """Return the expected calibration error, from 0 to 1."""
        counts, confidences, right = self.sums
        return np.abs(confidences - right).sum() / counts.sum()

    def nll(self) -> float:
        """Return the mean negative log-likelihood of the labels."""
        return self.loss / self.sums[0].sum()


class Effect:
    """What a threshold of the presence, or None, does to the predictions.

    Rows of ``confusion`` (K, K) are the labels, columns the predictions. ``left_out``
    counts classes of images, ``changed`` pixels.
    """

    def __init__(self, num_classes: int) -> None:
        self.confusion = np.zeros((num_classes, num_classes), np.int64)
        self.left_out = self.changed = 0

    def miou(self) -> float:
        """Return the mIoU in percent."""
        right, sums = self.confusion.diagonal(), [self.confusion.sum(i) for i in (0, 1)]
        return 100 * mean_of_numbers(iou_of_counts(right, *sums))


@torch.inference_mode()
def fit(
    predictor: Predictor, images: LabelledImages, per_class: bool, track: Callable
) -> float | list[float]:
    """Fit a temperature, or one for each predicted class, to random pixels.

    Each image gives the same number of pixels; another run draws the same ones.

    Raises:
        ValueError: If no pixel has a class.
    """
    random, parts = torch.Generator().manual_seed(0), []
    number = max(SAMPLED_LOGITS // (len(images) * images.num_classes), 1)
    for image, truth, counts in track(images, len(images), 'validation set'):
        logits, _ = predictor.predict_logits(image)
        labels, _ = predictor.classify(logits, truth.shape)
        (index,) = counts.flatten().nonzero(as_tuple=True)
        index = index[torch.randperm(len(index), generator=random)[:number]]
        maps = predictor.score_maps(logits, truth.shape)
        scores = torch.stack([scores.flatten().cpu()[index] for scores in maps], 1)
        parts.append((scores, truth.flatten()[index], labels.flatten().cpu()[index]))
    scores, truth, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    if not len(truth):
        raise ValueError('no pixel of the validation set has a class')
    together = fit_temperature(scores, truth)
    if not per_class:
        return together
    groups = [labels == label for label in range(images.num_classes)]
    return [
        fit_temperature(scores[group], truth[group])
        if group.sum() >= FEWEST_PIXELS
        else together
        for group in groups
    ]


@torch.inference_mode()
def measure(
    predictor: Predictor, images: LabelledImages, temperatures: list, track: Callable
) -> tuple[list[Calibration], dict[float | None, Effect]]:
    """Return the calibration of each temperature, and the effect of each threshold."""
    calibrations, size = [Calibration() for _ in temperatures], images.num_classes
    thresholds = [None, *(THRESHOLDS if predictor.presence_head else ())]
    effects = {threshold: Effect(size) for threshold in thresholds}
    for image, truth, counts in track(images, len(images), 'test set'):
        logits, presence = predictor.predict_logits(image)
        truth, counts = truth.to(logits.device), counts.to(logits.device)
        for temperature, calibration in zip(temperatures, calibrations, strict=True):
            predictor.model.temperature = temperature
            labels, confidences = predictor.classify(logits, truth.shape)
            margin = torch.zeros_like(confidences)  # of the label over the truth
            for label, scores in enumerate(predictor.score_maps(logits, truth.shape)):
                margin += torch.where(labels == label, scores, 0)
                margin -= torch.where(truth == label, scores, 0)
            losses = margin / predictor.temperature_at(labels) - confidences.log()
            is_right = (labels == truth).float()
            values = (confidences, is_right, losses)
            calibration.add(*(value[counts] for value in values))
        for threshold, effect in effects.items():
            kept = predictor.find_present(presence, threshold)
            suppressed, _ = predictor.classify(logits, truth.shape, kept)
            pairs = (truth * size + suppressed)[counts].cpu().numpy()
            confusion = np.bincount(pairs, minlength=size**2)
            effect.confusion += confusion.reshape(size, size)
            effect.left_out += kept.count(False) if kept else 0
            effect.changed += int((suppressed != labels)[counts].sum())
    return calibrations, effects


def draw(calibrations: dict[str, Calibration]) -> Figure:
    """Draw a reliability diagram for each title, with the pixels of each bin below."""
    figure = Figure(figsize=(4.2 * len(calibrations), 5), layout='constrained')
    axes = figure.subplots(2, len(calibrations), height_ratios=[3, 1], sharex=True)
    width, centres = 0.9 / NUM_BINS, (np.arange(NUM_BINS) + 0.5) / NUM_BINS
    for (title, calibration), upper, lower in zip(
        calibrations.items(), *axes, strict=True
    ):
        sums = calibration.sums[:, :-1].copy()
        sums[:, -1] += calibration.sums[:, -1]
        counts, confidences, number_right = sums
        right, mean = divide(number_right, counts), divide(confidences, counts)
        upper.bar(centres, right, width, color='#a8c8ec', label='share that is right')
        upper.plot([0, 1], [0, 1], '--', color='grey', linewidth=1)
        upper.plot(mean, mean, 'o', color='#d9822b', label='mean confidence')
        error = f'{100 * calibration.error():.2f} %'
        upper.set(title=f'{title}: calibration error {error}', ylim=(0, 1.02))
        lower.bar(centres, counts, width, color='#8c8c8c')
        lower.set(xlabel='confidence', xlim=(0, 1), yscale='log')
    axes[1][0].set_ylabel('pixels')
    axes[1][0].sharey(axes[1][-1])
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc='outside lower center')
    return figure


def write_temperature(checkpoint: Path, target: Path, value: float | list) -> None:
    """Write a checkpoint with a temperature in its meta; all else stays as it is."""
    content = load(checkpoint, 'cpu', keep_texts=True)
    if 'state_dict' not in content:  # the file has the weights alone
        content = dict(state_dict=content)
    content['meta'] = dict(content.get('meta') or {}, temperature=value)
    target.parent.mkdir(parents=True, exist_ok=True)
    with output_file(target) as path:
        torch.save(content, path)


def main(argv: list[str] | None = None) -> None:
    """Run the command; a wrong argument ends in one sentence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'words', nargs='+', metavar='RUN', help='a run folder, or CONFIG CHECKPOINT'
    )
    parser.add_argument(
        '--per-class', action='store_true', help='a temperature for each class'
    )
    parser.add_argument('--out', type=Path, help='checkpoint to write (the same file)')
    parser.add_argument('--device', default=get_device(), help='default: %(default)s')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    add_trust_argument(parser)
    args = parser.parse_intermixed_args(argv)
    try:
        config, checkpoint, others = split_model_arguments(args.words)
        if others:
            raise ValueError(f'{" ".join(others)}: give one model only')
        target = args.out or Path(checkpoint)
        if not args.out and args.words[0] in TRAINED:
            raise ValueError(f'{target} belongs to the package: add --out FILE')
        if not Path(checkpoint).is_file():
            raise ValueError(f'{checkpoint} is not a file on this machine: download it')
        model = load_segmentor(config, checkpoint)
        model.cfg.merge_from_dict(args.cfg_options)
        predictor = Predictor(model)
        val = LabelledImages(model, 'val_dataloader')
        test = LabelledImages(model, 'test_dataloader')
        try:
            model.to(args.device)
        except (AssertionError, RuntimeError) as error:
            raise ValueError(f'--device {args.device}: {error}') from error
        with Progress(disable=not sys.stdout.isatty()) as bars:
            track = make_track(bars)
            value = fit(predictor, val, args.per_class, track)
            write_temperature(Path(checkpoint), target, value)
            fitted = find_temperature(dict(temperature=value), val.num_classes)
            print(
                f'{target} has the temperature {" ".join(f"{t:.3f}" for t in fitted)}, '
                f'of {len(val)} images'
            )
            temperatures = [torch.ones(1), fitted]
            (before, after), effects = measure(predictor, test, temperatures, track)
        figure = target.with_name(f'{target.stem}_reliability.png')
        with output_file(figure) as path:
            draw(dict(before=before, after=after)).savefig(path, dpi=120, format='png')
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    print(f'test set, {len(test)} images'.ljust(28), '  before    after')
    for name, numbers in {
        'expected calibration error': (before.error(), after.error()),
        'negative log-likelihood': (before.nll(), after.nll()),
    }.items():
        print(f'{name:28} {numbers[0]:8.4f} {numbers[1]:8.4f}')
    pixels = effects[None].confusion.sum()
    for threshold, effect in effects.items():
        if threshold is None:
            print(f'{"mIoU, all classes":28} {effect.miou():8.2f}')
            continue
        print(
            f'{f"mIoU, --suppress-absent {threshold}":28} {effect.miou():8.2f}  '
            f'({effect.left_out / len(test):.2f} classes per image are left out, '
            f'{100 * effect.changed / pixels:.3f} % of the pixels change)'
        )
    if shared := len(val.paths & test.paths):
        print(
            f'{shared} of the {len(test)} test images are in the validation set too: '
            'the figures after are too good'
        )
    print(figure)


if __name__ == '__main__':
    main()
