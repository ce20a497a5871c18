"""Checks of all images and masks of a dataset."""

import io
from collections import Counter
from collections.abc import Sequence

from mmengine import fileio
from mmseg.datasets import BaseSegDataset
from PIL import Image

from mmseg_plugins.datasets.file_facts import read_files
from mmseg_plugins.datasets.label_checks import LoadLabels
from mmseg_plugins.datasets.multi_channel import find_loader

MOST_ERRORS = 5  # that are listed


def check_files(
    dataset: BaseSegDataset, channels: int | None = None
) -> tuple[Counter, dict[str, str]]:
    """Check the images and masks of a FolderDataset.

    Args:
        dataset: The dataset.
        channels: Number of channels that all images must have, if it is known.

    Returns:
        The number of pixels by label, and the digest of each image by its path.

    Raises:
        ValueError: If a file cannot be decoded, an image has another number of
            channels, an image and its mask differ in size, or a label is outside the
            classes.
    """
    entries = [dataset.get_data_info(index) for index in range(len(dataset))]
    backend_args, ignore_index = dataset.backend_args, dataset.ignore_index
    images = read_files(entries, 'img_path', backend_args, find_loader(dataset))
    masks: list[dict] = [{}] * len(entries)
    if entries and 'seg_map_path' in entries[0]:
        masks = read_files(entries, 'seg_map_path', backend_args)
    load_labels = LoadLabels(ignore_index=ignore_index, backend_args=backend_args)
    errors = []
    for entry, image, mask in zip(entries, images, masks, strict=True):
        error = image.get('error') or mask.get('error')
        if not error and channels not in (None, image['channels']):
            error = (
                f'{entry["img_path"]} has {image["channels"]} channels, but mean in '
                f'data_preprocessor has {channels} values: correct mean and std '
                '(mmseg-plugins channel-stats measures them) and in_channels of the '
                'backbone, or the image; more than 3 channels are loaded by '
                'LoadMultiChannelImage'
            )
        allowed = {*range(max(entry.get('num_classes', 0), 2)), ignore_index}
        is_wrong = not {int(label) for label in mask.get('pixels', ())} <= allowed
        if not error and (is_wrong or mask.get('size', image['size']) != image['size']):
            try:
                load_labels(entry | dict(ori_shape=image['size']))
            except ValueError as sentence:
                error = str(sentence)
        errors += [error] if error else []
    _raise(errors, len(entries))
    paths = [entry['img_path'] for entry in entries]
    digests = [image['digest'] for image in images]
    return _sum_pixels(masks), dict(zip(paths, digests, strict=True))


def find_warnings(pixels: Counter, dataset: BaseSegDataset) -> list[str]:
    """Return sentences on classes that do not occur, and on pixels without label."""
    classes = dataset.metainfo.get('classes') or ()
    unseen = [name for label, name in enumerate(classes) if not pixels[label]]
    sentences = [f'no mask has a pixel of {", ".join(unseen)}'] if unseen else []
    share = pixels[dataset.ignore_index] / pixels.total()
    if share > 0.5:
        sentences.append(
            f'{share:.0%} of the pixels have label {dataset.ignore_index}, which is '
            'not trained'
        )
    return sentences


def check_binary(pixels: Counter, dataset: BaseSegDataset) -> None:
    """Raise ValueError if masks of several classes have the labels 0 and 255 only."""
    classes = dataset.metainfo.get('classes') or ()
    if dataset.ignore_index == 255 and set(pixels) == {0, 255} and len(classes) > 1:
        mask = dataset.get_data_info(0)['seg_map_path']
        raise ValueError(_only_0_and_255(mask, classes))


def count_classes(
    masks: list[str], reduce_zero_label: bool, backend_args: dict | None
) -> dict:
    """Return class names 'class 0', ... for all labels of the masks, and their palette.

    Raises:
        ValueError: If a mask cannot be read, or the labels do not look like classes.
    """
    shared = dict(label_map=None, reduce_zero_label=reduce_zero_label)
    entries = [dict(seg_map_path=path, **shared) for path in masks]
    facts = read_files(entries, 'seg_map_path', backend_args)
    _raise([fact['error'] for fact in facts if 'error' in fact], len(masks))
    labels = sorted(set(_sum_pixels(facts)) - {255})
    if labels in ([], [0]):
        raise ValueError(_only_0_and_255(masks[0], ['background', 'object']))
    number = labels[-1] + 1
    if number > 2 * len(labels):
        raise ValueError(
            f'The masks beside {masks[0]} have the labels {labels}: if these are the '
            f'classes, set class_file to a file with a line "name {number - 1} '
            f'{number - 1} {number - 1}" for each; else save classes from 0 up'
        )
    metainfo: dict = dict(classes=[f'class {label}' for label in range(number)])
    data = fileio.get(masks[0], backend_args=backend_args)
    palette = Image.open(io.BytesIO(data)).getpalette() or []
    start = 3 * bool(reduce_zero_label)
    colours = [palette[start + 3 * n : start + 3 * n + 3] for n in range(number)]
    if len(colours[-1]) == 3:
        metainfo['palette'] = colours
    return metainfo


def _sum_pixels(masks: list[dict]) -> Counter:
    pixels: Counter = Counter()
    for mask in masks:
        pixels.update({int(label): n for label, n in mask.get('pixels', {}).items()})
    return pixels


def _only_0_and_255(mask: str, classes: Sequence[str]) -> str:
    return (
        f'{mask} and all other masks have the values 0 and 255 only, but 255 means '
        '"not labelled": if 255 is a class, set class_file to a file with the lines '
        f'"{classes[0]} 0 0 0" and "{classes[1]} 255 255 255"'
    )


def _raise(errors: list[str], number: int) -> None:
    shown = errors[:MOST_ERRORS] + ['...'] * (len(errors) > MOST_ERRORS)
    if len(errors) > 1:
        shown.insert(0, f'{len(errors)} of {number} files are wrong:')
    if errors:
        raise ValueError('\n'.join(shown))
