"""Convert the weights of another project to a checkpoint for our configs.

python tools/convert.py fcn fcn8s-heavy-pascal.caffemodel checkpoints/fcn8s.pth

caffenet      a CaffeNet classifier (.caffemodel), for init_cfg of FCNAlexNet
dfanet        an Xception classifier, trained by configs/dfanet/pretrain_* (.pth)
encnet        the authors' EncNet, or their deep-stem ResNet alone (.pth)
fcn           the authors' FCN (.caffemodel), or pytorch-fcn (.pth)
fcn-at-once   the bare weights of pytorch-fcn's FCN8sAtOnce (.pth)
spnet         the authors' SPNet since 10 June 2020, or their ResNet alone (.pth)
vgg16         a VGG16 classifier (.caffemodel), for init_cfg of FCNVGG
"""

import argparse
import logging
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from mmseg_plugins.converters import CONVERTERS, read_caffemodel


def read(path: Path) -> dict:
    """Read a .caffemodel or a PyTorch checkpoint, without running code from it."""
    if path.suffix == '.caffemodel':
        return read_caffemodel(path)
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # a damaged file can end in any error of the unpickler
        reason = str(error).partition('\n')[0]
        raise ValueError(
            f'{path} cannot be read as weights ({reason}): give a file of torch.save '
            'that holds a state dict, or a .caffemodel'
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} does not hold a state dict: save that of the model')
    return checkpoint


def run(args: argparse.Namespace) -> None:
    """Convert, and move the result to its place when it is complete."""
    if not args.source.is_file():
        raise ValueError(f'{args.source} does not exist: correct the path')
    if args.target.exists() and not args.overwrite:
        raise ValueError(f'{args.target} exists: add --overwrite, or change the name')
    converted = CONVERTERS[args.converter](read(args.source))
    meta = dict(converter=args.converter, source=args.source.name)
    args.target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=args.target.parent, prefix='.unfinished-') as folder:
        unfinished = Path(folder, args.target.name)
        torch.save(dict(state_dict=converted, meta=meta), unfinished)
        os.replace(unfinished, args.target)
    print(f'{args.target}: {len(converted)} weights')


def main(argv: list[str] | None = None) -> int:
    """Run the command; a wrong file gives one sentence and exit code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('converter', choices=CONVERTERS)
    parser.add_argument('source', type=Path, help='.caffemodel, or .pth of torch.save')
    parser.add_argument('target', type=Path, help='checkpoint to write')
    parser.add_argument('--overwrite', action='store_true')
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format='%(message)s', stream=sys.stdout)
    try:
        run(args)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
