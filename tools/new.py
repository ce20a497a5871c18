"""Write the config of a training on your own images and masks.

python tools/new.py photos masks
python tools/new.py photos masks --network spnet --classes classes.txt --out street.py

It checks all files, measures what a config needs, and writes a file to read and edit.
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import mmcv
import numpy as np
import torch
from config_text import TEMPLATE, Code, differences, format_value
from mmengine.config import Config
from output_file import output_file
from PIL import Image
from rich.progress import track

from mmseg_plugins.datasets import FolderDataset
from mmseg_plugins.datasets.file_checks import check_binary, check_files, find_warnings
from mmseg_plugins.datasets.file_facts import read_files
from mmseg_plugins.datasets.file_pairs import SPLITS
from mmseg_plugins.drawing import class_palette
from mmseg_plugins.named_networks import BACKBONES, NAMES, network_config

CONFIGS = Path(__file__).parents[1] / 'configs/_base_'
SLIM_BASES = dict(spnet='spnet_r18-d8', encnet='encnet_r18-d8') | dict.fromkeys(
    (name for name in NAMES if name.startswith('fcn')), 'fcn-8s_vgg13'
)
#: Weights of ImageNet for backbones of these types.
WEIGHTS = {
    'ResNetV1c': 'open-mmlab://resnet{depth}_v1c',
    'mmseg_plugins.SPNetResNet': 'open-mmlab://resnet{depth}_v1c',
    'mmseg_plugins.FCNVGG': 'mmcls://vgg{depth}',
    'MobileNetV2': 'mmcls://mobilenet_v2',
}
PURPOSES = dict(train='training', val='validation', test='test')
#: What errors of FolderDataset say, and what it is here.
OPTIONS = {
    'class_file': '--classes',
    'give colours to FolderDataset': 'list "name R G B" in a file for --classes',
    "seg_map_suffix='_word.png'": '--mask-suffix=_word.png',
    "add images, change the shares, or set split='all'": 'add images, 3 are needed',
    'raise num_classes here and in the heads': 'edit the file for --classes',
    'set reduce_zero_label=True': 'name label 0, too, in the file for --classes',
}


def describe_data(arguments: dict) -> dict:
    """Check all files, print what was found, and return what the config says of it.

    Raises:
        FileNotFoundError: If a folder or a mask is missing.
        ValueError: If files are wrong.
    """
    dataset = FolderDataset(**arguments)
    pixels, _ = check_files(dataset)
    check_binary(pixels, dataset)
    entries = [dataset.get_data_info(index) for index in range(len(dataset))]
    sizes = np.array([fact['size'] for fact in read_files(entries, 'img_path')])
    classes = [str(name) for name in dataset.metainfo['classes']]
    data = {key: arguments[key] for key in arguments if key != 'class_file'}
    if dataset.colours:
        names = dict(enumerate(classes))
        rows = dataset.colours
        data['colours'] = {names.get(label, 'ignore'): rgb for *rgb, label in rows}
    else:
        colours = Image.open(entries[0]['seg_map_path']).getpalette() or []
        colours = np.reshape(colours, (-1, 3))[: len(classes)]
        palette = class_palette(dict(palette=colours))[: len(classes)].tolist()
        data['metainfo'] = dict(classes=classes, palette=palette)
    # A test split is optional where the splits are folders.
    images = Path(data['data_prefix']['img_path'])
    folders = [split for split in SPLITS if (images / split).is_dir()]
    splits = [s for s in SPLITS if s != 'test' or s in folders or not folders]
    counts = {split: len(FolderDataset(**data, split=split)) for split in splits}
    shares = {
        name: pixels[label] / pixels.total() for label, name in enumerate(classes)
    }
    shares['not labelled'] = pixels[255] / pixels.total()
    smallest, largest = sizes.min(0), sizes.max(0)
    size = f'{largest[1]} x {largest[0]} pixels'
    if (smallest < largest).any():
        size = f'{smallest[1]} x {smallest[0]} to {size}'
    summary = [
        f'{len(entries)} images of {size}',
        ', '.join(f'{PURPOSES[split]}: {count}' for split, count in counts.items()),
        ', '.join(f'{name} {share:.1%}' for name, share in shares.items()),
    ]
    print(*summary, sep='\n')
    if 'class_file' not in arguments:
        print('To name the classes: --classes FILE, with a name on each line')
    for sentence in find_warnings(pixels, dataset):
        print(f'Warning: {sentence}')
    mean, std = measure_colours([entry['img_path'] for entry in entries])
    return dict(
        data=data,
        classes=classes,
        summary=summary,
        sizes=sizes,
        counts=counts,
        colours=dict(mean=mean, std=std),
    )


def measure_colours(paths: Sequence[str]) -> tuple[list[float], list[float]]:
    """Return mean and std of the channels R, G, B over up to 200 images."""
    sums = np.zeros((2, 3))
    chosen = paths[:: -(-len(paths) // 200)]
    for path in track(chosen, 'Measuring mean and std'):
        pixels = mmcv.imread(path, channel_order='rgb').reshape(-1, 3) / 255
        sums += [pixels.mean(0), (pixels**2).mean(0)]
    mean, square = sums / len(chosen)
    std = np.sqrt(square - mean**2).clip(1 / 255)  # of images in one colour
    return (mean * 255).round(1).tolist(), (std * 255).round(1).tolist()


def choose_sizes(sizes: np.ndarray, num_images: int) -> dict:
    """Choose sizes, batch and iterations for images of sizes (H, W) and this machine.

    On two CPU cores a slim network trains for minutes, on a GPU for an hour or so.
    """
    longest, pixels, epochs, limits = 320, 400_000, 10, (400, 2000)
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory
        longest, pixels, epochs, limits = 1024, memory // 8192, 100, (4000, 40_000)
    longest = int(min(sizes.max(), longest))
    typical = np.median(sizes, axis=0)
    typical *= min(1, longest / typical.max())
    crop_size = tuple(int(side) // 32 * 32 for side in typical.clip(64, 512))
    batch_size = int(np.clip(pixels / np.prod(crop_size), 2, 16))
    iterations = int(np.clip(epochs * num_images / batch_size, *limits))
    return dict(
        device='GPU' if torch.cuda.is_available() else 'CPU',
        scale=(longest, longest),
        crop_size=crop_size,
        batch_size=batch_size,
        max_iters=iterations // 100 * 100,
    )


def make_text(args: argparse.Namespace, found: dict) -> str:
    """Return the text of the config.

    Raises:
        ValueError: If network and backbone do not fit each other.
    """
    num_classes, backbone = len(found['classes']), args.backbone
    model = network_config(args.network, backbone, num_classes)
    weights = WEIGHTS.get(model['backbone']['type'], '').format(**model['backbone'])
    comment = ''
    if weights and 'base_channels' not in model['backbone']:
        comment = (
            '# For ImageNet weights, which are downloaded, add to the backbone:\n'
            f"# init_cfg=dict(type='Pretrained', checkpoint={weights!r})\n"
        )
    bases = ['datasets/folder', 'schedules/schedule_400', 'default_runtime']
    if backbone == 'slim' and args.network in SLIM_BASES:
        bases.insert(0, f'models/{SLIM_BASES[args.network]}-slim')
        file = CONFIGS / f'{bases[0]}.py'
        base = Config.fromfile(file).model
        model = differences(model, base)
        if 'auxiliary_head' in base:
            model['auxiliary_head'] = dict(num_classes=num_classes)
    model.setdefault('data_preprocessor', {}).update(
        size=Code('crop_size'), **found['colours']
    )
    counts = found['counts']
    settings = choose_sizes(found['sizes'], counts['train'])
    max_iters = args.iters or settings['max_iters']
    are_relative = not (os.path.isabs(args.images) and os.path.isabs(args.masks))
    place = f', in the folder {Path.cwd().as_posix()}'
    return TEMPLATE.format(
        **settings | dict(max_iters=max_iters),
        title=f'{args.network}, backbone {backbone or "own"}, data in {args.images}.',
        file=args.out,
        place=place if are_relative else '',
        summary='\n'.join(
            fill(line, 88, initial_indent=' ' * 10, subsequent_indent=' ' * 10)
            for line in found['summary']
        ).lstrip(),
        bases=format_value([f'mmseg_plugins::_base_/{name}.py' for name in bases]),
        data=format_value(dict(data_root=None) | found['data'], before=7),
        test_set='test_set' if 'test' in counts else "dict(**test_set, split='val')",
        comment=comment,
        model=format_value(model, before=8),
        # Slim networks have few weights, and begin with random ones.
        lr=6e-3 if backbone == 'slim' else 3e-4,
        warmup=max(1, max_iters // 20),
        interval=max(1, max_iters // 4),
    )


def main(argv: list[str] | None = None) -> None:
    """Run the command; wrong data and wrong arguments end in one sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('images', help='folder')
    parser.add_argument('masks', help='folder of masks with the names of the images')
    parser.add_argument('--network', choices=NAMES, default='fcn-2s')
    parser.add_argument(
        '--backbone',
        type=lambda word: None if word == 'own' else word,
        default='slim',
        help='slim (default; trains on CPUs), own (the one of the paper), timm/NAME, '
        + ', '.join(BACKBONES),
    )
    parser.add_argument('--classes', help='file: a line "name" or "name R G B" each')
    parser.add_argument('--mask-suffix', help='if mask names end so, as in _mask.png')
    parser.add_argument('--iters', type=int, help='number of iterations')
    parser.add_argument('--out', type=Path, default=Path('own.py'))
    parser.add_argument('--overwrite', action='store_true', help='replace --out')
    args = parser.parse_args(argv)
    arguments = dict(data_prefix=dict(img_path=args.images, seg_map_path=args.masks))
    options = dict(class_file=args.classes, seg_map_suffix=args.mask_suffix)
    arguments |= {key: value for key, value in options.items() if value}
    try:
        if args.out.suffix != '.py' or not args.out.parent.is_dir():
            raise ValueError(f'--out {args.out}: must be FILE.py in an existing folder')
        if args.out.exists() and not args.overwrite:
            raise ValueError(f'{args.out} exists: change --out, or add --overwrite')
        if args.iters is not None and args.iters < 1:
            raise ValueError(f'--iters {args.iters}: must be at least 1')
        network_config(args.network, args.backbone)  # raises before the long checks
        text = make_text(args, describe_data(arguments))
        with output_file(args.out) as unfinished:
            unfinished.write_text(text, 'utf-8')
    except (OSError, ValueError) as error:
        sentence = str(error)
        for words, here in OPTIONS.items():
            sentence = sentence.replace(words, here)
        sys.exit(sentence)
    print(f'\nWrote {args.out}. Next: mmseg-plugins train {args.out}')


if __name__ == '__main__':
    main()
