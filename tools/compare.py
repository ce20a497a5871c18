"""Compare runs that were evaluated on the same images: one page, compare.html.

python tools/compare.py work_dirs/fcn work_dirs/spnet --out compare.html

The differences to the first run come with 95 % intervals: images are drawn at random,
with repetition, 2000 times, and the IoU of both runs is computed from each draw.
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_plugins.report.evaluation import (
    Evaluation,
    divide,
    iou_of_counts,
    report_folder,
)
from mmseg_plugins.report.page import data_uri, render

NUM_DRAWS, SEED = 2000, 0
INTERVAL = (0.025, 0.975)


@dataclass
class Difference:
    """Difference of an IoU to that of the first run, in points from -100 to 100.

    ``low`` and ``high`` are the ends of its interval. All are NaN for a class without
    pixels.
    """

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """``better`` or ``worse``, or ``unclear`` if the interval holds zero."""
        return 'better' if self.low > 0 else 'worse' if self.high < 0 else 'unclear'


def all_ious(evaluation: Evaluation, draws: np.ndarray) -> np.ndarray:
    """Return the IoU of each class, and the mIoU, in points.

    Args:
        evaluation: N images, C classes.
        draws: (D, N), how often each image is in each draw.

    Returns:
        (D, C + 1); NaN for a class without pixels.
    """
    counts = (evaluation.intersection, evaluation.predicted, evaluation.labelled)
    ious = 100 * iou_of_counts(*(draws @ count for count in counts))
    has_pixels = np.isfinite(ious)
    mean = divide(np.where(has_pixels, ious, 0).sum(1), has_pixels.sum(1))
    return np.column_stack([ious, mean])


def compare(first: Evaluation, other: Evaluation) -> list[Difference]:
    """Return the difference of each class, and last that of the mIoU.

    Both runs are drawn the same images: they share what is hard in them.
    """
    number = len(first.names)
    once = np.ones((1, number))
    random = np.random.default_rng(SEED)
    draws = random.multinomial(number, np.full(number, 1 / number), NUM_DRAWS)
    draws = np.concatenate([once, draws])
    differences = []
    for column in (all_ious(other, draws) - all_ious(first, draws)).T:
        drawn = column[1:][np.isfinite(column[1:])]
        low, high = np.quantile(drawn, INTERVAL) if len(drawn) else (np.nan, np.nan)
        differences.append(Difference(column[0], low, high))
    return differences


def align(first: Evaluation, other: Evaluation, run: str) -> Evaluation:
    """Put the images of a run into the order of the first run.

    Raises:
        ValueError: If classes, images or labels are not those of the first run.
    """
    fix = 'compare runs of one data set and one size of its labels'
    if first.classes.tolist() != other.classes.tolist():
        raise ValueError(f'{run} has other classes than the first run: {fix}')
    if sorted(first.names) != sorted(other.names):
        raise ValueError(f'{run} was evaluated on other images than the first: {fix}')
    order = np.empty(len(first.names), int)
    order[first.names.argsort(kind='stable')] = other.names.argsort(kind='stable')
    names = ('names', 'intersection', 'predicted', 'labelled')
    other = replace(other, **{name: getattr(other, name)[order] for name in names})
    if (first.labelled != other.labelled).any():
        raise ValueError(f'{run} was evaluated on other labels than the first: {fix}')
    return other


def read_samples(runs: dict[str, Path]) -> list[dict[str, str]]:
    """Return image, truth and the prediction of each run as data URIs, by heading."""
    folders = {name: run / 'report' / 'images' for name, run in runs.items()}
    first = next(iter(folders.values()))
    samples = []
    for path in sorted(first.glob('sample_*_image.png')):
        start = path.name.removesuffix('image.png')
        paths = {'Image': path, 'Truth': first / f'{start}truth.png'}
        for name, folder in folders.items():
            paths[name] = folder / f'{start}prediction.png'
        samples.append({})
        for heading, file in paths.items():
            pixels = np.array(Image.open(file).convert('RGB'))
            samples[-1][heading] = data_uri(pixels, is_photo=file == path)
    return samples


def common_ending(names: list[str]) -> str:
    """Return what all names have at their end, from an underscore on."""
    first = names[0]
    endings = [first[i:] for i, letter in enumerate(first) if letter == '_']
    return next((e for e in endings if all(name.endswith(e) for name in names)), '')


def make_page(words: list[str]) -> str:
    """Return the page of the run folders ``words``; see :func:`align` for errors."""
    if len(words) < 2:
        raise ValueError(f'{" ".join(words)}: give two or more run folders')
    folders = [report_folder(word).resolve() for word in words]
    if len({*folders}) < len(words):
        raise ValueError(f'{" ".join(words)}: one run is given twice')
    short = [folder.name for folder in folders]
    names = short if len({*short}) == len(words) else words
    ending = common_ending(names)
    names = [name.removesuffix(ending) for name in names]
    first, *others = [Evaluation.load(word) for word in words]
    others = [align(first, o, word) for o, word in zip(others, words[1:], strict=True)]
    differences = [compare(first, other) for other in others]
    runs = dict(zip(names, folders, strict=True))
    once = np.ones((1, len(first.names)))
    return render(
        'compare.html.j2',
        names=names,
        ending=ending,
        num_images=len(first.names),
        classes=[*first.classes, 'mIoU'],
        colours=['#' + bytes(colour.tolist()).hex() for colour in first.palette],
        ious=[all_ious(evaluation, once)[0] for evaluation in (first, *others)],
        differences=differences,
        scales=[
            np.nanmax([1, *(abs(end) for row in rows for end in (row.low, row.high))])
            for rows in differences  # how far the intervals reach from zero
        ],
        samples=read_samples(runs),
    )


def main(argv: list[str] | None = None) -> None:
    """Run the command; a wrong argument ends in one sentence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', nargs='+', help='run folders with a report')
    parser.add_argument('--out', type=Path, default=Path('compare.html'))
    args = parser.parse_args(argv)
    try:
        page = make_page(args.runs)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(page, encoding='utf-8')
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    print(args.out)


if __name__ == '__main__':
    main()
