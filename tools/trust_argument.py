"""The argument ``--trust`` of the tools that load checkpoints."""

import argparse

from mmseg_plugins.safe_loading import trust


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust FILE``; parsing it trusts the file."""
    parser.add_argument(
        '--trust',
        metavar='FILE',
        action='append',
        type=trust,
        help='checkpoint whose code may run: a file or address, more with --trust each',
    )
