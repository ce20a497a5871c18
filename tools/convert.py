"""Convert the weights of another project to a checkpoint of ours.

python tools/convert.py fcn fcn8s-heavy-pascal.caffemodel checkpoints/fcn8s.pth

dfanet        an Xception classifier, trained by configs/dfanet/pretrain_* (.pth)
encnet        weights of the authors' EncNet, or of a deep-stem ResNet alone (.pth)
caffenet      a CaffeNet classifier (.caffemodel), for init_cfg of FCNAlexNet
vgg16         a VGG16 classifier (.caffemodel), for init_cfg of FCNVGG
fcn           weights of the authors' FCN (.caffemodel) or of pytorch-fcn (.pth)
fcn-at-once   the weights of pytorch-fcn's FCN8sAtOnce alone, whose names are FCN-8s's
spnet         weights of the authors' SPNet, or of a deep-stem ResNet alone (.pth)
spnet-before-2020-05-27  the same, trained by the code of before that day, whose SPMs
              had their pools swapped
spnet-back    weights of our SPNet to the authors' names
"""

import argparse
import logging
import os
import pickle
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
    except (EOFError, RuntimeError, pickle.UnpicklingError) as error:
        reason = str(error).partition('\n')[0]
        raise ValueError(
            f'{path} cannot be read as weights ({reason}): give a file of torch.save '
            'that holds a state dict, or a .caffemodel'
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} holds no state dict: save that of the model')
    return checkpoint


def run(args: argparse.Namespace) -> None:
    """Convert, and put the result in its place once it is whole."""
    if not args.source.is_file():
        raise ValueError(f'The file {args.source} does not exist: correct the path')
    if args.target.exists() and not args.overwrite:
        raise ValueError(f'{args.target} exists: say --overwrite or another name')
    converted = CONVERTERS[args.converter](read(args.source))
    meta = dict(converter=args.converter, source=args.source.name)
    args.target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=args.target.parent, prefix='.unfinished-') as work:
        unfinished = Path(work, args.target.name)
        torch.save(dict(state_dict=converted, meta=meta), unfinished)
        os.replace(unfinished, args.target)
    print(f'{args.target}: {len(converted)} tensors')


def main(argv: list[str] | None = None) -> int:
    """Run the command; a mistake of the user's is one sentence and exit code 2."""
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
    except (KeyError, OSError, ValueError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f'{message}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
