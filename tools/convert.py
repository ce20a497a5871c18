"""Convert the weights of another project to a checkpoint for our configs.

python tools/convert.py fcn fcn8s-heavy-pascal.caffemodel checkpoints/fcn8s.pth

caffenet      a CaffeNet classifier (.caffemodel), for init_cfg of FCNAlexNet
dfanet        an Xception classifier, trained by configs/dfanet/pretrain_* (.pth)
encnet        the authors' EncNet, or their deep-stem ResNet alone (.pth)
fcn           the authors' FCN (.caffemodel), or pytorch-fcn (.pth)
fcn-at-once   the bare weights of pytorch-fcn's FCN8sAtOnce (.pth)
googlenet     Caffe's GoogLeNet classifier (.caffemodel), for init_cfg of FCNGoogLeNet
half          float16 weights and classes of a trained checkpoint, to share (.pth)
spnet         the authors' SPNet since 10 June 2020, or their ResNet alone (.pth)
vgg16         a VGG16 classifier (.caffemodel), for init_cfg of FCNVGG
"""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import argparse
import logging
import sys
from pathlib import Path

import torch
from output_file import output_file
from trust_argument import add_trust_argument

from mmseg_plugins.converters import CONVERTERS, read_caffemodel, shared_meta
from mmseg_plugins.safe_loading import load


def read(path: Path) -> dict:
    """Read a .caffemodel or a PyTorch checkpoint, without running code from it."""
    if path.suffix == '.caffemodel':
        return read_caffemodel(path)
    checkpoint, size = load(str(path), 'cpu'), path.stat().st_size
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} does not hold a state dict: save that of the model')
    for group in [checkpoint, *checkpoint.values()]:
        for key, value in group.items() if isinstance(group, dict) else ():
            is_tensor = isinstance(value, torch.Tensor)
            if is_tensor and value.numel() * value.element_size() > size:
                raise ValueError(
                    f'{path}: {key!r} of shape {tuple(value.shape)} is larger than the '
                    'file: save a tensor of its own, with .contiguous()'
                )
    return checkpoint


def run(args: argparse.Namespace) -> None:
    """Convert, and move the result to its place when it is complete."""
    if not args.source.is_file():
        raise ValueError(f'{args.source} is not a file: correct the path')
    with output_file(args.target) as unfinished:
        if args.target.exists() and not args.overwrite:
            raise ValueError(
                f'{args.target} exists: add --overwrite, or change the name'
            )
        if args.target.exists() and args.target.samefile(args.source):
            raise ValueError(f'{args.target} is the source itself: change the name')
        checkpoint = read(args.source)
        converted = CONVERTERS[args.converter](checkpoint)
        meta = dict(converter=args.converter, source=args.source.name)
        if args.converter == 'half':
            meta = shared_meta(checkpoint)
        args.target.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.save(dict(state_dict=converted, meta=meta), unfinished)
        except RuntimeError as error:  # torch has no OSError for a full disk
            raise ValueError(
                f'{args.target} cannot be written: free disk space ({error})'
            ) from error
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
    add_trust_argument(parser)
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
