"""Find images and videos that a command line names, and read them."""

import glob
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from mmengine import fileio
from PIL import Image
from rich.progress import Progress

from mmseg_plugins.datasets.file_pairs import SUFFIXES

VIDEOS = {'.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm', '.wmv'}
PREDICTABLE = (*SUFFIXES, *VIDEOS)
STREAMS = ('rtmp://', 'rtsp://', 'udp://')


def find_sources(
    words: Iterable[str],
    skip: Path,
    known: dict,
    suffixes: tuple[str, ...] = PREDICTABLE,
) -> dict[str, str]:
    """Return a name for each image or video.

    Names of files in a folder, which is searched with its sub-folders, are their paths
    in it, without the suffix. Others are called by their stem. If two have one name, or
    ``known`` has it for another source, their whole path is the name.

    Args:
        words: Images, folders, globs, videos, addresses, numbers of cameras, or text
            files with one of these a line, relative to the text file.
        skip: Folder that is not searched.
        known: Sources by their name, which they keep.
        suffixes: How the names of the files end that a folder is searched for.

    Raises:
        ValueError: If a word names nothing.
    """
    names: dict[str, str] = {}
    skip = skip.resolve()
    for word in words:
        path = Path(word)
        if path.is_dir():
            for file in sorted(path.rglob('*')):
                is_output = skip in file.resolve().parents
                if file.suffix.lower() in suffixes and not is_output:
                    names[str(file)] = str(file.relative_to(path).with_suffix(''))
        elif path.suffix == '.txt' and path.is_file():
            lines = map(str.strip, path.read_text(encoding='utf-8').splitlines())
            for line in filter(None, lines):
                address = line if _is_address(line) else str(path.parent / line)
                names[address] = Path(line).stem
        elif path.is_file() or _is_address(word):
            names[word] = path.stem
        else:
            files = sorted(glob.glob(word, recursive=True))
            names |= {file: Path(file).stem for file in files}
            if not glob.has_magic(word):
                raise ValueError(f'{word} does not exist: correct the path')
    if not names:
        raise ValueError(
            f'{" ".join(words) or "SOURCE"}: no image or video; give images, folders, '
            'globs, videos or addresses'
        )
    counts = Counter(names.values())
    for address, name in names.items():
        if known.get(name) != address and (counts[name] > 1 or name in known):
            parts = Path(address.replace('://', '/')).parts
            names[address] = '/'.join(part for part in parts if part not in ('/', '..'))
    return names


def _is_address(text: str) -> bool:
    return '://' in text or text.isdecimal()


def is_video(address: str) -> bool:
    """Return whether OpenCV should read an address as a video, stream or camera."""
    is_file = Path(address).suffix.lower() in VIDEOS
    return is_file or address.startswith(STREAMS) or address.isdecimal()


def read_image(address: str, decode: Callable) -> np.ndarray:
    """Read an image file; ``decode`` turns its bytes into an array, or None.

    Raises:
        OSError: If it cannot be read or is truncated, where OpenCV would fill in grey.
        ValueError: If it is not an image.
    """
    content = fileio.get(address)
    try:
        with Image.open(BytesIO(content)) as picture:
            picture.draft('L', (1, 1))  # decodes a JPEG small, which is faster
            picture.load()
    except (Image.UnidentifiedImageError, Image.DecompressionBombError):
        pass  # OpenCV reads more formats, and larger images
    image = decode(content) if content else None
    if image is None:
        raise ValueError('it is empty or not an image')
    return image


def open_video(address: str) -> cv2.VideoCapture:
    """Open a video file, a stream, or the camera of a number.

    Raises:
        ValueError: If OpenCV cannot read it.
    """
    capture = cv2.VideoCapture(int(address) if address.isdecimal() else address)
    if not capture.isOpened():
        raise ValueError('OpenCV cannot read it as a video')
    return capture


def read_frames(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """Yield the frames (H, W, 3), BGR, that can be read."""
    while True:
        is_read, frame = capture.read()
        if not is_read:
            return
        yield frame


def make_track(bars: Progress, seconds: float = 30) -> Callable[..., Iterator]:
    """Return a function that yields items and shows progress and time left.

    If the output is not a terminal, it prints a line now and then instead of a bar.
    """

    def track(items: Iterable, total: int, text: str) -> Iterator:
        task = bars.add_task(text, total=total if total > 0 else None)
        start = printed = time.monotonic()
        for number, item in enumerate(items, 1):
            yield item
            bars.update(task, completed=number)
            now = time.monotonic()
            if not bars.console.is_terminal and now > printed + seconds:
                printed, left = now, (now - start) / number * max(total - number, 0)
                of_total = f' of {total}, {left:.0f} s left' if total > 0 else ''
                print(f'{text}: {number}{of_total}', flush=True)
        bars.remove_task(task)

    return track
