"""The pages: what the templates need, and pictures inside the page."""

import base64
import io
import json
import math
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from mmseg_plugins import drawing

from .evaluation import Evaluation, divide, image_miou
from .figures import draw_confusion, draw_curves, read_curves

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / 'templates'),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as a number of percent; a dash if it is None or NaN."""
    return '-' if share is None or math.isnan(share) else f'{100 * share:.{digits}f}'


_ENVIRONMENT.filters['percent'] = percent


def render(template: str, **values: object) -> str:
    """Return the page of a template in ``templates/``; text in it is escaped."""
    return _ENVIRONMENT.get_template(template).render(values)


def data_uri(image: np.ndarray, is_photo: bool = False) -> str:
    """Return an RGB image (H, W, 3), uint8, as a data URI: photos as JPEG, else PNG."""
    buffer = io.BytesIO()
    kind = 'jpeg' if is_photo else 'png'
    Image.fromarray(image).save(buffer, kind, optimize=True)
    return _uri(buffer.getvalue(), kind)


def write_page(run: str | Path, out: str | Path | None = None) -> Path:
    """Make the page of a run from ``RUN/report/`` and the logs of its training.

    Args:
        run: The run folder.
        out: The file to write; by default ``RUN/report.html``.

    Returns:
        The file that was written.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If ``RUN/report/`` is missing or damaged.
    """
    evaluation = Evaluation.load(run)
    folder = Path(run) / 'report'
    path = folder / 'summary.json'
    try:
        summary = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        fix = f'make it with: mmseg-plugins report {run} --test'
        raise ValueError(f'{path} is missing or damaged: {fix}') from error
    html = render(
        'report.html.j2',
        summary=summary,
        duration=timedelta(seconds=round(summary['seconds'])),
        evaluation=evaluation,
        classes=class_rows(evaluation),
        curves={panel: draw_curves(lines) for panel, lines in read_curves(run).items()},
        confusion=draw_confusion(evaluation),
        mistakes=largest_mistakes(evaluation),
        images=image_rows(folder, summary, evaluation),
        network=[
            texts | dict(uri=_file_uri(f'{folder}/images/network_{number}.png'))
            for number, texts in enumerate(summary['network_pictures'])
        ],
        wrong_colour=_css(drawing.WRONG),
        right_colour=_css(drawing.RIGHT),
    )
    out = Path(out or Path(run) / 'report.html')
    unfinished = out.with_name(f'{out.name}.unfinished')
    try:
        unfinished.write_text(html, encoding='utf-8')
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return out


def class_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return what the table says of each class; shares are from 0 to 1, or NaN.

    ``low`` and ``high`` are the quartiles of the IoU over the images in which the class
    is labelled.
    """
    rows = []
    iou, accuracy = evaluation.iou(), evaluation.accuracy()
    image_iou = evaluation.image_iou()
    for index, name in enumerate(evaluation.classes):
        labelled = evaluation.labelled[:, index]
        ious = image_iou[labelled > 0, index]
        low, high = np.quantile(ious, [0.25, 0.75]) if len(ious) else (None, None)
        rows.append(
            dict(
                name=name,
                colour=_css(evaluation.palette[index]),
                iou=iou[index],
                accuracy=accuracy[index],
                share=divide(labelled.sum(), evaluation.labelled.sum()),
                num_images=len(ious),
                low=low,
                high=high,
                is_labelled=len(ious) > 0,
                is_predicted=evaluation.predicted[:, index].any(),
            )
        )
    return rows


def largest_mistakes(evaluation: Evaluation, number: int = 10) -> list[dict[str, Any]]:
    """Return the pairs of classes with the most wrong pixels, the largest first."""
    wrong = evaluation.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(wrong, axis=None)[::-1][:number]
    return [
        dict(
            truth=evaluation.classes[truth],
            prediction=evaluation.classes[prediction],
            share_of_class=wrong[truth, prediction] / evaluation.confusion[truth].sum(),
            share_of_wrong=wrong[truth, prediction] / wrong.sum(),
        )
        for truth, prediction in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[truth, prediction]
    ]


def image_rows(
    folder: Path, summary: dict[str, Any], evaluation: Evaluation
) -> dict[str, list[dict[str, Any]]]:
    """Return name, mIoU and pictures of the ``best`` and the ``worst`` images."""
    mious = image_miou(
        evaluation.intersection, evaluation.predicted, evaluation.labelled
    )
    rows: dict[str, list[dict[str, Any]]] = {'best': [], 'worst': []}
    for picture in summary['pictures']:
        kind, position = picture['kind'], picture['position']
        start = f'{folder}/images/{kind}_{picture["number"]}'
        if kind not in rows:  # for the comparison of runs
            continue
        files = [f'{start}_{name}.png' for name in ('image', 'truth', 'prediction')]
        image, truth, prediction = (np.array(Image.open(file)) for file in files)
        rows[kind].append(
            dict(
                name=evaluation.names[position],
                miou=mious[position],
                image=data_uri(image, is_photo=True),
                truth=_file_uri(files[1]),
                prediction=_file_uri(files[2]),
                errors=data_uri(drawing.error_map(prediction, truth)),
            )
        )
    return rows


def _file_uri(path: str) -> str:
    return _uri(Path(path).read_bytes(), 'png')


def _uri(data: bytes, kind: str) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'


def _css(colour: Sequence[int]) -> str:
    return 'rgb({}, {}, {})'.format(*map(int, colour))
