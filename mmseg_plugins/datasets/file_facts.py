"""Read all files of a dataset in parallel, and remember what is in them."""

import hashlib
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import mmcv
import numpy as np
from mmengine import fileio
from mmengine.logging import print_log
from PIL import Image
from rich.progress import track

from mmseg_plugins.datasets.label_checks import LoadLabels
from mmseg_plugins.datasets.multi_channel import LoadMultiChannelImage

VERSION = 2  # of what is remembered: increase it when read_file returns something else


def read_file(
    entry: dict,
    key: str,
    backend_args: dict | None = None,
    load: LoadMultiChannelImage | None = None,
) -> dict:
    """Return what is in an image or a mask.

    Args:
        entry: An entry of the data list of a FolderDataset.
        key: 'img_path' or 'seg_map_path', the file to read.
        backend_args: As in mmseg's ``BaseSegDataset``.
        load: What reads the images; by default OpenCV.

    Returns:
        ``error``, a sentence, if the file is wrong; otherwise ``size`` (H, W), for an
        image its ``channels`` and its ``digest``, and for a mask ``pixels``, their
        number by label.
    """
    path = entry[key]
    if key == 'img_path' and load is not None:
        try:
            image = load.read(path)
        except (OSError, ValueError) as error:
            return dict(error=str(error))
        height, width, channels = image.shape
        digest = hashlib.sha1(image.tobytes()).hexdigest()
        return dict(size=[height, width], channels=channels, digest=digest)
    try:
        data = fileio.get(path, backend_args=backend_args)
        is_jpeg = data.startswith(b'\xff\xd8')
        if key == 'img_path':
            height, width, _ = mmcv.imfrombytes(data).shape
            if is_jpeg:  # OpenCV paints the missing part of a JPEG grey
                Image.open(io.BytesIO(data)).load()
            digest = hashlib.sha1(data).hexdigest()
            return dict(size=[height, width], channels=3, digest=digest)
    except (OSError, SyntaxError, AttributeError, cv2.error):
        problem = 'it is missing, empty, truncated or not an image; restore the file'
        return dict(error=f'{path} cannot be decoded: {problem}')
    if is_jpeg:
        return dict(error=f'{path} is a JPEG, which changes labels: export it as PNG')
    try:
        load_labels = LoadLabels(backend_args=backend_args)
        # With 256 classes it accepts all labels.
        labels = load_labels(entry | dict(num_classes=256, seg_fields=[]))['gt_seg_map']
    except ValueError as error:
        return dict(error=str(error))
    counts = np.bincount(labels.ravel(), minlength=256)
    pixels = {str(label): int(counts[label]) for label in counts.nonzero()[0]}
    return dict(size=list(labels.shape), pixels=pixels)


def read_files(
    entries: list[dict],
    key: str,
    backend_args: dict | None = None,
    load: LoadMultiChannelImage | None = None,
) -> list[dict]:
    """Return ``read_file`` of each entry; a second call costs next to nothing.

    Results are kept in ``$XDG_CACHE_HOME/mmseg_plugins`` (``~/.cache/mmseg_plugins``).
    A file is read again if its size or its time has changed.
    """
    stamps = [_stamp(entry, key, load) for entry in entries]
    folder = os.path.dirname(os.path.abspath(entries[0][key])) if entries else ''
    name = hashlib.sha1(f'{VERSION} {key} {folder}'.encode()).hexdigest()
    home = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    cache = home / 'mmseg_plugins' / f'{name}.json'
    try:
        known = json.loads(cache.read_text())
    except (OSError, ValueError):  # there is none yet, or it is damaged
        known = {}
    facts = [known.get(stamp) for stamp in stamps]
    unread = [n for n, fact in enumerate(facts) if fact is None]
    read = partial(read_file, key=key, backend_args=backend_args, load=load)
    # Each thread holds an image: more threads would need much memory.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        results = pool.map(read, [entries[n] for n in unread])
        what = 'images' if key == 'img_path' else 'masks'
        shown = _show_progress(results, len(unread), what)
        for n, fact in zip(unread, shown, strict=True):
            facts[n] = fact
            if stamps[n] and 'error' not in fact:
                known[stamps[n]] = fact
    if unread:
        _save(cache, known)
    return facts


def _stamp(entry: dict, key: str, load: LoadMultiChannelImage | None) -> str:
    """Return a text that changes with the file; '' if it is not on this machine."""
    path = entry[key]
    if not os.path.isfile(path):
        return ''
    status, settings = os.stat(path), ('label_map', 'reduce_zero_label', 'colours')
    used = [entry.get(name) for name in settings if key == 'seg_map_path']
    if load is not None:
        used += ['multi-channel', load.layout]
    return json.dumps([os.path.abspath(path), status.st_size, status.st_mtime_ns, used])


def _save(cache: Path, known: dict) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        unfinished = cache.with_suffix(f'.{os.getpid()}')
        unfinished.write_text(json.dumps(known))
        unfinished.replace(cache)  # another process never sees half a file
    except OSError as error:
        print_log(f'The next start checks all files again: {error}', 'current')


def _show_progress(results: Iterator[dict], total: int, what: str) -> Iterable[dict]:
    if sys.stdout.isatty():
        yield from track(results, f'Checking {what}', total)
        return
    start = shown = time.monotonic()
    for done, result in enumerate(results, 1):
        yield result
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            left = (shown - start) / done * (total - done)
            print_log(f'Checked {done} of {total} {what}, {left:.0f} s left', 'current')
