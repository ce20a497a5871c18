"""Write a trained network as one file that runs without this package.

python tools/export.py RUN scenes.onnx
python tools/export.py CONFIG CHECKPOINT city.pt2 --outputs labels confidence
python tools/export.py RUN scenes.onnx --int8 images/train --fp16

OUT ends with .onnx (ONNX Runtime), .pt2 (torch.export) or .torchscript. The file takes
raw RGB images (N, 3, H, W) of any size, from 0 to 255. It is run at three sizes and
kept if its outputs are those of the network.
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from exported_accuracy import write_smaller
from exporting import (
    INPUT_TYPES,
    OUTPUTS,
    ExportableNetwork,
    check_format,
    describe,
    export,
)
from networks import load_segmentor
from output_file import output_file
from prediction import Predictor
from sources import find_sources, is_video
from torch import nn
from trust_argument import add_trust_argument
from verification import compare, make_batches

from mmseg_plugins.run_folder import split_model_arguments


def write_verified(
    network: ExportableNetwork, out: Path, images: list[np.ndarray]
) -> None:
    """Write a file, run it, print the differences, and keep it if they are small.

    Raises:
        ValueError: If the file cannot be written or run, or differs from the network;
            then no file is left.
    """
    start = time.monotonic()
    with output_file(out) as unfinished:
        out.parent.mkdir(parents=True, exist_ok=True)
        print(f'Writing {out}; a large network takes minutes.', flush=True)
        export(network, unfinished, describe(network))
        print(f'Written in {time.monotonic() - start:.0f} s. Running it:')
        print('images              largest difference  pixels of another class')
        try:
            for row in compare(network, unfinished, make_batches(network, images)):
                shape = ' x '.join(map(str, row.shape))
                print(f'{shape:<20}{row.difference:<20.1e}{row.changed:.4%}')
        except ValueError as error:
            raise ValueError(
                f'{out} is not kept: {error}. Fix: write another format, set '
                'data_preprocessor.test_cfg=dict(size_divisor=32) if the network needs '
                'such sizes, or change its code that makes numbers of sizes'
            ) from error
    print(f'{out}: {out.stat().st_size / 1e6:.1f} MB')


def read_images(segmentor: nn.Module, folder: str, out: Path) -> list[np.ndarray]:
    """Read the first four images (H, W, C), RGB, of a folder."""
    predictor = Predictor(segmentor)
    sources = find_sources([folder], out, {}, predictor.suffixes)
    paths = [path for path in sources if not is_video(path)]
    if not paths:
        raise ValueError(f'--images {folder}: has videos only, give images')
    images = [predictor.read_named(path) for path in paths[:4]]
    if predictor.is_multi_channel:
        return images
    return [cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in images]


def main(argv: list[str] | None = None) -> None:
    """Run the command; a wrong argument ends in one sentence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'words',
        nargs='+',
        metavar='RUN OUT',
        help='a run folder, or CONFIG CHECKPOINT; then the file to write',
    )
    parser.add_argument(
        '--outputs',
        nargs='+',
        choices=OUTPUTS,
        default=['labels'],
        help='what the file returns, in this order; default: labels',
    )
    parser.add_argument(
        '--input',
        choices=INPUT_TYPES,
        default='uint8',
        help='type of the images that the file takes; default: %(default)s',
    )
    parser.add_argument(
        '--images',
        metavar='FOLDER',
        help='images to run the file with; default: embedded scenes',
    )
    parser.add_argument(
        '--int8',
        metavar='FOLDER',
        help='also write OUT_int8.onnx, calibrated with the images of a folder',
    )
    parser.add_argument('--fp16', action='store_true', help='also write OUT_fp16.onnx')
    add_trust_argument(parser)
    args = parser.parse_intermixed_args(argv)
    try:
        config, checkpoint, words = split_model_arguments(args.words)
        if len(words) != 1:
            raise ValueError(
                f'{" ".join(words) or "OUT"}: give one file to write after the model'
            )
        out = Path(words[0])
        check_format(out)
        is_smaller_too = bool(args.int8 or args.fp16)
        if is_smaller_too and out.suffix != '.onnx':
            raise ValueError(f'{out}: must end with .onnx for --int8 and --fp16')
        if is_smaller_too and not {'logits', 'labels'} & {*args.outputs}:
            raise ValueError(
                f'--outputs {" ".join(args.outputs)}: add labels for --int8 and '
                '--fp16, which measure the mIoU'
            )
        segmentor = load_segmentor(config, checkpoint)
        network = ExportableNetwork(segmentor, args.input, args.outputs)
        images = read_images(segmentor, args.images, out) if args.images else []
        if segmentor.test_cfg.get('mode') == 'slide':
            print(
                'The config tests in windows (test_cfg.mode=slide); the file predicts '
                'whole images.'
            )
        write_verified(network, out, images)
        if is_smaller_too:
            write_smaller(segmentor, out, args.int8, args.fp16)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
