"""Predict the classes of images and videos with a trained network.

python tools/predict.py RUN photos/ street.jpg drive.mp4
python tools/predict.py CONFIG CHECKPOINT 'photos/*.jpg' --out-dir predictions

For an image NAME it writes NAME_overlay.jpg, NAME.png (the class of each pixel) and
NAME_confidence.png; for a video NAME_overlay.mp4, NAME_legend.png and NAME_frames.csv.
predictions.csv has the share of each class in each image and, if the network predicts
it, the presence of each class. The same command again continues where it stopped.
tools/calibrate.py makes the confidences agree with how often they are right.
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import csv
import errno
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.device import get_device
from networks import load_segmentor
from output_file import output_file
from PIL import Image
from prediction import Prediction, Predictor
from rich.progress import Progress
from sources import (
    find_sources,
    is_video,
    make_track,
    open_video,
    read_frames,
)
from trust_argument import add_trust_argument

from mmseg_plugins.drawing import class_names, class_palette, legend, overlay
from mmseg_plugins.run_folder import TRAINED, resolve_run, split_model_arguments


class Writer:
    """Writes predictions into a folder; each file gets its name when it is whole.

    ``finished`` has the source of each name in predictions.csv.
    """

    def __init__(self, folder: Path, predictor: Predictor, overwrite: bool) -> None:
        meta = predictor.model.dataset_meta
        self.folder, self.predictor = folder, predictor
        self.names, self.palette = class_names(meta), class_palette(meta)
        count = predictor.model.num_classes
        self.names += map(str, range(len(self.names), count))  # a head may have more
        self.columns = [f'share {name}' for name in self.names]
        if predictor.presence_head:
            self.columns += [f'presence {name}' for name in self.names]
        self.table, rows = folder / 'predictions.csv', []
        if self.table.is_file() and not overwrite:
            with open(self.table, newline='', encoding='utf-8') as file:
                rows = [*csv.reader(file)][1:]
        rows = [row for row in rows if self._is_whole(row)]
        self.finished = {row[0]: row[1] for row in rows}
        for path in folder.rglob('.unfinished-*'):  # of a run that was stopped
            path.unlink()
        self._write_table(self.table.name, ['name', 'source', *self.columns], rows)

    def write_image(self, name: str, source: str) -> None:
        """Predict an image and write its files."""
        image = self.predictor.read(source)
        prediction = self.predictor(image)
        labels = prediction.labels
        mask = Image.fromarray(labels)
        mask.putpalette(self.palette.tobytes())
        self._save(mask, f'{name}.png')
        self._save(Image.fromarray(prediction.confidence), f'{name}_confidence.png')
        picture = self.predictor.picture(image)
        parts = [overlay(picture, labels, self.palette), self._legend(labels)]
        self._save(Image.fromarray(np.concatenate(parts)), f'{name}_overlay.jpg')
        self._finish(name, source, self._measure(prediction))

    def write_video(
        self, name: str, source: str, fps: float | None, track: Callable
    ) -> None:
        """Predict a video, or ``fps`` frames of each second, and write its files.

        Raises:
            ValueError: If it cannot be read, or ends early; then its start is written.
        """
        if self.predictor.is_multi_channel:
            raise ValueError('a video has three channels: give TIFF or .npy files')
        capture = open_video(source)
        rate = capture.get(cv2.CAP_PROP_FPS) or 25.0
        total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))  # not positive for a stream
        step = max(round(rate / fps), 1) if fps else 1
        count, rows, video = 0, [], cv2.VideoWriter()
        with self._open(f'{name}_overlay.mp4') as path:
            try:
                for frame in track(read_frames(capture), total, name):
                    if count % step == 0:
                        prediction = self.predictor(frame)
                        rows.append([count / rate, *self._measure(prediction)])
                    if count == 0:
                        code = cv2.VideoWriter.fourcc(*'mp4v')
                        video.open(str(path), code, rate, frame.shape[1::-1])
                    colours = self.palette[:, ::-1]  # BGR, as the frames
                    video.write(overlay(frame, prediction.labels, colours))
                    count += 1
            except KeyboardInterrupt:  # how a user ends a stream
                if total > 0:
                    raise
            video.release()
            if not rows:
                raise ValueError('none of its frames can be read')
        means = np.mean(rows, 0)[1:]
        present = np.resize(np.flatnonzero(means[: len(self.names)]), frame.shape[:2])
        self._save(Image.fromarray(self._legend(present)), f'{name}_legend.png')
        header, texts = ['second', *self.columns], map(_texts, rows)
        self._write_table(f'{name}_frames.csv', header, texts)
        self._finish(name, source, means)
        if count < total:
            raise ValueError(f'only {count} of its {total} frames can be read')

    def _is_whole(self, row: list[str]) -> bool:
        overlays = [self.folder / f'{row[0]}_overlay{end}' for end in ('.jpg', '.mp4')]
        return len(row) == 2 + len(self.columns) and any(map(Path.is_file, overlays))

    def _measure(self, prediction: Prediction) -> np.ndarray:
        """Return the share of each class, and its presence if it is predicted."""
        counts = np.bincount(prediction.labels.ravel(), minlength=len(self.names))
        shares = counts / prediction.labels.size
        presence = prediction.presence
        return shares if presence is None else np.concatenate([shares, presence])

    def _legend(self, labels: np.ndarray) -> np.ndarray:
        present = np.unique(labels)
        names = [self.names[label] for label in present]
        return legend(names, self.palette[present], labels.shape[1])

    def _finish(self, name: str, source: str, values: np.ndarray) -> None:
        with open(self.table, 'a', newline='', encoding='utf-8') as file:
            csv.writer(file).writerow([name, source, *_texts(values)])
        self.finished[name] = source

    def _write_table(self, name: str, header: list[str], rows: Iterable) -> None:
        with (
            self._open(name) as path,
            open(path, 'w', newline='', encoding='utf-8') as file,
        ):
            csv.writer(file).writerows([header, *rows])

    def _save(self, picture: Image.Image, name: str) -> None:
        with self._open(name) as path:
            picture.save(path)

    def _open(self, name: str) -> AbstractContextManager[Path]:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return output_file(target)


def _texts(values: Iterable[float]) -> list[str]:
    return [f'{value:.6f}' for value in values]


def check_settings(folder: Path, settings: dict, overwrite: bool) -> None:
    """Refuse a folder with predictions of another model; write the settings there."""
    path = folder / 'settings.json'
    if path.is_file() and not overwrite and json.loads(path.read_text()) != settings:
        raise ValueError(
            f'{folder} has predictions of another checkpoint, or with another --fps or '
            '--suppress-absent: choose another --out-dir, or begin anew with '
            '--overwrite'
        )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=1))


def predict_all(
    writer: Writer, sources: dict[str, str], fps: float | None
) -> list[str]:
    """Predict what is not finished; return a line for each source that failed."""
    failures = []
    with Progress(disable=not sys.stdout.isatty()) as bars:
        track = make_track(bars)
        writer.predictor.track = track
        for source, name in track(sources.items(), len(sources), 'images'):
            try:
                if writer.finished.get(name) == source:
                    continue
                if is_video(source):
                    writer.write_video(name, source, fps, track)
                else:
                    writer.write_image(name, source)
            except (
                OSError,
                ValueError,
                cv2.error,
                torch.cuda.OutOfMemoryError,
            ) as error:
                if getattr(error, 'errno', None) == errno.ENOSPC:
                    raise
                failures.append(f'{source}: {" ".join(str(error).split())}')
    return failures


def main(argv: list[str] | None = None) -> None:
    """Run the command; a wrong argument ends in one sentence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'words',
        nargs='+',
        metavar='RUN SOURCE',
        help='a run folder, or CONFIG CHECKPOINT; then images, folders, globs, videos, '
        'addresses, or .txt files with one of these a line',
    )
    parser.add_argument(
        '--out-dir', type=Path, help='default: RUN/predictions, or work_dirs/predict'
    )
    parser.add_argument('--fps', type=float, help='video frames to predict per second')
    parser.add_argument(
        '--suppress-absent',
        type=float,
        nargs='?',
        const=0.1,
        metavar='PRESENCE',
        help='do not predict classes whose presence in the image is below this '
        '(0.1); for networks that predict it',
    )
    parser.add_argument('--device', default=get_device(), help='default: %(default)s')
    parser.add_argument(
        '--overwrite', action='store_true', help='forget what the folder has'
    )
    add_trust_argument(parser)
    args = parser.parse_intermixed_args(argv)
    try:
        config, checkpoint, words = split_model_arguments(args.words)
        run = None if args.words[0] in TRAINED else resolve_run(args.words[0])
        default = run / 'predictions' if run else Path('work_dirs/predict')
        out_dir = args.out_dir or default
        if args.fps is not None and args.fps <= 0:
            raise ValueError(f'--fps {args.fps}: must be greater than 0')
        model = load_segmentor(config, checkpoint)
        predictor = Predictor(model, args.suppress_absent)
        try:
            predictor.model.to(args.device)
        except (AssertionError, RuntimeError) as error:
            raise ValueError(f'--device {args.device}: {error}') from error
        settings = dict(checkpoint=checkpoint, fps=args.fps)
        if args.suppress_absent is not None:
            settings['suppress_absent'] = args.suppress_absent
        if Path(checkpoint).is_file():
            settings['checkpoint'] = str(Path(checkpoint).resolve())
            settings['saved'] = Path(checkpoint).stat().st_mtime
        check_settings(out_dir, settings, args.overwrite)
        writer = Writer(out_dir, predictor, args.overwrite)
        sources = find_sources(words, out_dir, writer.finished, predictor.suffixes)
        failures = predict_all(writer, sources, args.fps)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit('Stopped. The same command continues.')
    print(f'{len(sources) - len(failures)} of {len(sources)} are in {out_dir}')
    if failures:
        sys.exit('\n'.join([f'{len(failures)} failed:', *failures]))


if __name__ == '__main__':
    main()
