"""Images and masks in folders: find them, and pair them by name."""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence

from mmengine import fileio

from mmseg_plugins.datasets.colours import read_lines

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
SPLITS = ('train', 'val', 'test')
#: What the name of a mask may have after the name of its image.
MASK_ENDINGS = ('', '_mask', '_masks', '_label', '_labels', '_gt', '_seg')


def list_files(
    folder: str, suffix: str, backend_args: dict | None, others: Iterable[str] = ()
) -> dict[str, str]:
    """Return the paths of all files below a folder by their names without suffix.

    Args:
        folder: Path of a folder that exists.
        suffix: How the files end; '' for any of ``SUFFIXES``. Case does not matter.
        backend_args: As in mmseg's ``BaseSegDataset``.
        others: Paths of files to leave out, such as masks beside the images.

    Raises:
        ValueError: If two files have the same name.
    """
    files: dict[str, str] = {}
    left_out = {os.path.abspath(path) for path in others}
    endings = (suffix.lower(),) if suffix else SUFFIXES
    names = fileio.list_dir_or_file(
        folder, list_dir=False, recursive=True, backend_args=backend_args
    )
    for name in sorted(names):
        ending = next((end for end in endings if name.lower().endswith(end)), None)
        path = os.path.join(folder, name)
        if ending is not None and os.path.abspath(path) not in left_out:
            first = files.setdefault(name[: -len(ending)], path)
            if first != path:
                raise ValueError(f'{first} and {path} have the same name: remove one')
    return dict(sorted(files.items()))


def find_masks(images: dict[str, str], masks: dict[str, str]) -> dict[str, str]:
    """Return the path of the mask of each image; the keys are the names of the images.

    Raises:
        FileNotFoundError: If an image has no mask.
    """
    counts = [sum(name + end in masks for name in images) for end in MASK_ENDINGS]
    ending = MASK_ENDINGS[counts.index(max(counts))]
    missing = [name for name in images if name + ending not in masks]
    if missing:
        first, (name, example) = missing[0], next(iter(masks.items()))
        folder = example[: example.rindex(name)]
        raise FileNotFoundError(
            f'{len(missing)} of {len(images)} images have no mask; the first: '
            f'{images[first]} needs {folder}{first}{ending}.png (another mask is '
            f'{example}). Add or rename the masks, or remove the images; if the names '
            "of all masks end with the same word, set seg_map_suffix='_word.png'"
        )
    return {name: masks[name + ending] for name in images}


def read_ann_file(
    path: str,
    images: dict[str, str],
    masks: dict[str, str],
    folders: Sequence[str],
    backend_args: dict | None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the images that a file lists, and the masks that stand beside them.

    Args:
        path: A text file; each line is the name of an image, with or without its
            suffix, or the paths of an image and its mask.
        images: All images by name.
        masks: All masks by name.
        folders: Folders that the paths in the file may be relative to.
        backend_args: As in mmseg's ``BaseSegDataset``.

    Raises:
        FileNotFoundError: If the file does not exist or names an image that does not.
        ValueError: If the file is empty or not in UTF-8.
    """
    image_of, mask_of = _names(images, folders), _names(masks, folders)
    listed, pairs = {}, {}
    for number, line in enumerate(read_lines('ann_file', path, backend_args), 1):
        words = [line.strip()]
        if words[0] not in image_of:  # the name of a file may have spaces
            words = re.split(r'[\s,;]+', words[0])
        if words == ['']:
            continue
        image = image_of.get(words[0])
        if image is None or (words[1:] and (len(words) > 2 or words[1] not in mask_of)):
            raise FileNotFoundError(
                f'{path}, line {number}: {line.strip()!r} is not the name of an image, '
                f'such as {next(iter(images.values()))}, nor an image and its mask; '
                'correct the line'
            )
        listed[image] = images[image]
        if words[1:]:
            pairs[image] = masks[mask_of[words[1]]]
    if not listed:
        raise ValueError(f'{path} is empty: write the name of an image on each line')
    return listed, pairs


def _names(files: dict[str, str], folders: Sequence[str]) -> dict[str, str]:
    """Return the name of a file by all that a list may call it."""
    names = {name: name for name in files}
    for name, path in files.items():
        names |= {os.path.relpath(path, folder or '.'): name for folder in folders}
        names[path] = name
    return names


def choose_split(
    names: list[str], split: str, shares: Sequence[float], seed: int
) -> list[str]:
    """Return the names that belong to a split, the same ones on every machine.

    Raises:
        ValueError: If there are too few names, or the split has no share.
    """
    order = sorted(names, key=lambda n: hashlib.sha256(f'{seed} {n}'.encode()).digest())
    sizes = [max(1, round(share * len(names))) if share else 0 for share in shares]
    sizes[sizes.index(max(sizes))] += len(names) - sum(sizes)
    index = SPLITS.index(split)
    if min(sizes) < 0 or not sizes[index]:
        raise ValueError(
            f'split={split!r} with split_shares={tuple(shares)}: it has none of the '
            f"{len(names)} images; add images, change the shares, or set split='all'"
        )
    return sorted(order[sum(sizes[:index]) : sum(sizes[: index + 1])])
