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
    return f'data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}'


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
        raise ValueError(
            f'{path} is missing or damaged: make it with: mmseg-plugins report {run} '
            '--test'
        ) from error
    curves = read_curves(run)
    html = render(
        'report.html.j2',
        run=Path(run).name,
        summary=summary,
        duration=timedelta(seconds=round(summary['seconds'])),
        evaluation=evaluation,
        classes=class_rows(evaluation),
        curves={panel: draw_curves(lines) for panel, lines in curves.items()},
        confusion=draw_confusion(evaluation),
        mistakes=largest_mistakes(evaluation),
        images=image_rows(folder, summary, evaluation),
        network=[
            texts | dict(uri=_file_uri(folder / f'images/network_{number}.png'))
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
    labelled, predicted = evaluation.labelled, evaluation.predicted
    ious = np.where(labelled > 0, evaluation.image_iou(), np.nan)
    rows = []
    for index, name in enumerate(evaluation.classes):
        values = ious[:, index][labelled[:, index] > 0]
        low, high = np.quantile(values, [0.25, 0.75]) if len(values) else (None, None)
        rows.append(
            dict(
                name=str(name),
                colour=_css(evaluation.palette[index]),
                iou=evaluation.iou()[index],
                accuracy=evaluation.accuracy()[index],
                share=divide(labelled[:, index].sum(), labelled.sum()),
                num_images=len(values),
                low=low,
                high=high,
                is_labelled=len(values) > 0,
                is_predicted=predicted[:, index].any(),
            )
        )
    return rows


def largest_mistakes(evaluation: Evaluation, number: int = 10) -> list[dict[str, Any]]:
    """Return the pairs of classes with the most wrong pixels, the largest first."""
    wrong = evaluation.confusion.copy()
    np.fill_diagonal(wrong, 0)
    labelled = evaluation.confusion.sum(1)
    mistakes = []
    for index in np.argsort(wrong, axis=None)[::-1][:number]:
        truth, prediction = np.unravel_index(index, wrong.shape)
        pixels = wrong[truth, prediction]
        if pixels:
            mistakes.append(
                dict(
                    truth=str(evaluation.classes[truth]),
                    prediction=str(evaluation.classes[prediction]),
                    share_of_class=pixels / labelled[truth],
                    share_of_wrong=pixels / wrong.sum(),
                )
            )
    return mistakes


def image_rows(
    folder: Path, summary: dict[str, Any], evaluation: Evaluation
) -> dict[str, list[dict[str, Any]]]:
    """Return name, mIoU and pictures of the ``best`` and the ``worst`` images."""
    mious = image_miou(
        evaluation.intersection, evaluation.predicted, evaluation.labelled
    )
    rows: dict[str, list[dict[str, Any]]] = {'best': [], 'worst': []}
    for picture in summary['pictures']:
        if picture['kind'] in rows:
            start = f'{picture["kind"]}_{picture["number"]}'
            files = {
                name: folder / 'images' / f'{start}_{name}.png'
                for name in ('image', 'truth', 'prediction')
            }
            arrays = {name: np.array(Image.open(file)) for name, file in files.items()}
            errors = drawing.error_map(arrays['prediction'], arrays['truth'])
            rows[picture['kind']].append(
                dict(
                    name=evaluation.names[picture['position']],
                    miou=mious[picture['position']],
                    image=data_uri(arrays['image'], is_photo=True),
                    truth=_file_uri(files['truth']),
                    prediction=_file_uri(files['prediction']),
                    errors=data_uri(errors),
                )
            )
    return rows


def _file_uri(path: Path) -> str:
    return f'data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}'


def _css(colour: Sequence[int]) -> str:
    return 'rgb({}, {}, {})'.format(*map(int, colour))
