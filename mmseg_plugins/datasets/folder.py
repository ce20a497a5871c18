"""Your own data: images in one folder and masks in another."""

import logging
import os
from collections.abc import Iterable, Sequence
from typing import ClassVar

from mmengine import fileio
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset

from mmseg_plugins.datasets.colours import IGNORE, check_colours, read_class_file
from mmseg_plugins.datasets.file_checks import count_classes
from mmseg_plugins.datasets.file_pairs import (
    SPLITS,
    SUFFIXES,
    choose_split,
    find_masks,
    list_files,
    read_ann_file,
)
from mmseg_plugins.registry import DATASETS


@DATASETS.register_module()
class FolderDataset(BaseSegDataset):
    """Images and masks that are paired by name: ``images/a.JPG`` and ``masks/a.png``.

    A mask has one channel of labels, with 255 where it is not labelled, or colours that
    ``colours`` turns into labels. If no mask has the name of an image, ``a_mask.png``
    and the other ``MASK_ENDINGS`` are tried. Both may be in one folder, if
    ``seg_map_suffix`` says which files are the masks.

    The classes are those of ``metainfo``, ``class_file`` or ``colours``. Without them,
    the labels of all masks in ``seg_map_path`` are counted: the names are 'class 0',
    'class 1', ..., and the colours those of the PNG palette, if the first mask has one.

    Args:
        data_root: Folder that the other paths are relative to.
        data_prefix: Folders of images and masks. If that of the images has sub-folders
            train, val or test, these are the splits. Without ``seg_map_path`` there are
            no masks.
        ann_file: File with the images of this dataset, one a line: a name without
            suffix, a file name, or the paths of an image and its mask.
        split: 'train', 'val', 'test' or 'all'. Not used with ``ann_file``.
        split_shares: Shares of the three splits if there are no sub-folders; their sum
            is 1. A split whose share is above 0 gets at least one image.
        split_seed: Seed of the split.
        class_file: Text file with one class a line, ``name`` or ``name R G B``. Its
            colours are used as ``colours``, if this is left out.
        colours: Class names and their colours in the masks in RGB, 0 to 255, such as
            ``{'road': [128, 64, 128]}``. The name 'ignore' stands for ``ignore_index``.
            If all colours are grey, masks with one channel hold colours too.
        img_suffix: How the names of images end; by default with any of ``SUFFIXES``, in
            upper or lower case.
        seg_map_suffix: How the names of masks end, for example '_mask.png'.
        metainfo: Class names and palette, as in :class:`BaseSegDataset`.
        **kwargs: Arguments of :class:`BaseSegDataset`.

    Raises:
        FileNotFoundError: If a folder, a file or a mask is missing.
        ValueError: If an argument is wrong, a folder has no image, an image is empty,
            two files have one name, or the classes cannot be counted.
    """

    FIX: ClassVar[str] = 'correct the path'  # of a folder that is missing or empty

    def __init__(
        self,
        *,
        data_root: str | None = None,
        data_prefix: dict | None = None,
        split: str = 'all',
        split_shares: Sequence[float] = (0.8, 0.1, 0.1),
        split_seed: int = 0,
        class_file: str = '',
        colours: dict[str, Sequence[int]] | None = None,
        img_suffix: str = '',
        seg_map_suffix: str = '',
        metainfo: dict | None = None,
        **kwargs,
    ) -> None:
        if split not in (*SPLITS, 'all'):
            raise ValueError(f'split={split!r}: must be one of {(*SPLITS, "all")}')
        shares = tuple(split_shares)
        if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f'split_shares={shares}: must be 3 numbers with the sum 1')
        self.split, self.split_shares, self.split_seed = split, shares, split_seed
        prefix = data_prefix or dict(img_path='images', seg_map_path='masks')
        root, backend_args = data_root or '', kwargs.get('backend_args')
        folders = {os.path.normpath(path) for path in prefix.values()}
        is_known = seg_map_suffix or kwargs.get('ann_file')
        if len(folders) < len(prefix) and not is_known:
            raise ValueError(
                f'{prefix["img_path"]} has images and masks: set '
                "seg_map_suffix='_word.png', as the names of all masks end"
            )
        if class_file and (metainfo or {}).get('classes'):
            raise ValueError(f'class_file={class_file!r}: leave out metainfo.classes')
        metainfo = self._load_metainfo(metainfo)
        if class_file:
            path = os.path.join(root, class_file)
            metainfo['classes'], table = read_class_file(path, backend_args)
            colours = colours or table
        if colours:
            names = metainfo.setdefault('classes', [n for n in colours if n != IGNORE])
            check_colours(colours, names)
            metainfo.setdefault('palette', [list(colours[name]) for name in names])
        if not metainfo.get('classes') and 'seg_map_path' in prefix:
            self.data_root, self.backend_args = data_root, backend_args
            folder = os.path.join(root, prefix['seg_map_path'])
            masks = self._list_files('seg_map_path', folder, seg_map_suffix)
            reduce = kwargs.get('reduce_zero_label', False)
            metainfo |= count_classes(list(masks.values()), reduce, backend_args)
        label_of = {name: n for n, name in enumerate(metainfo.get('classes', ()))}
        if len(label_of) > 256:
            raise ValueError(f'{len(label_of)} classes: must be at most 256')
        label_of[IGNORE] = kwargs.get('ignore_index', 255)
        self.colours = [[*rgb, label_of[name]] for name, rgb in (colours or {}).items()]
        super().__init__(
            data_root=data_root,
            data_prefix=prefix,
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            metainfo=metainfo,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Return an entry for each image of the split, sorted by name.

        Besides mmseg's keys it has those that :class:`LoadLabels` reads:
        ``num_classes``, and ``colours`` with rows of R, G, B and the label. They are
        left out if they are not known.
        """
        folders, backend_args = dict(self.data_prefix), self.backend_args
        is_split = self.split != 'all' and not self.ann_file
        paths = {name: os.path.join(folders['img_path'], name) for name in SPLITS}
        splits = [name for name in SPLITS if fileio.isdir(paths[name], backend_args)]
        if is_split and splits:
            if self.split not in splits:
                raise FileNotFoundError(
                    f'{paths[self.split]} does not exist, but {" and ".join(splits)} '
                    'beside it: add it, or rename the folder of these images'
                )
            folders = {k: os.path.join(path, self.split) for k, path in folders.items()}
            is_split = False
        masks: dict[str, str] = {}
        mask_of: dict[str, str] = {}
        if 'seg_map_path' in folders:
            folder = folders['seg_map_path']
            masks = self._list_files('seg_map_path', folder, self.seg_map_suffix)
        others = [*masks.values()] if self.seg_map_suffix or not self.ann_file else []
        folder = folders['img_path']
        images = self._list_files('img_path', folder, self.img_suffix, others)
        if self.ann_file:
            bases = [*folders.values(), self.data_root or '']
            images, mask_of = read_ann_file(
                self.ann_file, images, masks, bases, backend_args
            )
        if masks:
            rest = {name: path for name, path in images.items() if name not in mask_of}
            mask_of |= find_masks(rest, masks)
            unused = sorted(set(masks.values()) - set(mask_of.values()))
            if unused and not self.ann_file:
                text = f'{len(unused)} masks have no image; the first: {unused[0]}'
                print_log(text, 'current', logging.WARNING)
        names = sorted(images)
        if is_split:
            names = choose_split(names, self.split, self.split_shares, self.split_seed)
        return [self._make_entry(images[name], mask_of.get(name)) for name in names]

    def _make_entry(self, image: str, mask: str | None) -> dict:
        # OpenCV's error for an empty file does not name the file.
        if os.path.isfile(image) and not os.path.getsize(image):
            raise ValueError(f'{image} is empty (0 bytes): restore the image')
        entry = dict(img_path=image, seg_fields=[], label_map=self.label_map)
        entry['reduce_zero_label'] = self.reduce_zero_label
        optional = dict(
            seg_map_path=mask,
            num_classes=len(self._metainfo.get('classes') or ()),
            colours=self.colours,
        )
        return entry | {key: value for key, value in optional.items() if value}

    def _list_files(
        self, key: str, folder: str, suffix: str, others: Iterable[str] = ()
    ) -> dict[str, str]:
        """List a folder; raise if a folder is missing or has no such file."""
        for name, path in (('data_root', self.data_root), (key, folder)):
            if path and not fileio.isdir(path, self.backend_args):
                problem = 'is a file' if os.path.isfile(path) else 'does not exist'
                raise FileNotFoundError(
                    f'{name}={path} {problem} (working folder: {os.getcwd()}): '
                    f'{self.FIX}'
                )
        files = list_files(folder, suffix, self.backend_args, others)
        if not files:
            option = 'img_suffix' if key == 'img_path' else 'seg_map_suffix'
            raise ValueError(
                f'{option}={suffix or " ".join(SUFFIXES)}: {folder} has no such file; '
                f'correct the suffix, or {self.FIX}'
            )
        return files
