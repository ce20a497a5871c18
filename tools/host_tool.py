"""Run a tool of the installed mmseg with mmseg_plugins registered."""

import argparse
import os
import runpy
import sys
from pathlib import Path

import mmseg_plugins  # noqa: F401  first: it says how to fix an incomplete host

# isort: split
import mmseg
from mmengine.device import get_device
from torch import distributed
from trust_argument import add_trust_argument


def run_host_tool(name: str) -> None:
    """Run a file of mmseg's folder ``tools`` with the arguments of this process.

    Raises:
        SystemExit: If mmseg has no such file, or mmengine cannot use the launcher.
    """
    _trust_checkpoints()
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--launcher', default='none')
    launcher = parser.parse_known_args()[0].launcher
    if launcher != 'none' and get_device() == 'cpu':
        _start_on_cpu(launcher)
    package = Path(mmseg.__path__[0])
    # A wheel has its tools inside the package, a source checkout beside it.
    for tools in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (tools / name).is_file():
            runpy.run_path(str(tools / name), run_name='__main__')
            return
    sys.exit(
        f'mmseg in {package} has no tools/{name}: install mmseg as a wheel, or put its '
        'source checkout on PYTHONPATH'
    )


def _trust_checkpoints() -> None:
    """Take our argument out of sys.argv, because mmseg's parser does not know it."""
    parser = argparse.ArgumentParser(
        usage=argparse.SUPPRESS, add_help=False, allow_abbrev=False
    )
    add_trust_argument(parser.add_argument_group('option of mmseg_plugins'))
    sys.argv[1:] = parser.parse_known_args()[1]
    if {'-h', '--help'} & set(sys.argv):
        parser.print_help()  # and then mmseg's parser prints its own


def _start_on_cpu(launcher: str) -> None:
    """Start the process group of dist_train.sh, which a Runner then uses.

    Raises:
        SystemExit: If torchrun did not start this process.
    """
    if launcher != 'pytorch' or 'RANK' not in os.environ:
        sys.exit(
            f'--launcher {launcher}: mmengine starts several processes on GPUs only, '
            'and finds no GPU here; leave the launcher out, or use tools/dist_train.sh '
            'with --cfg-options model_wrapper_cfg.device_ids=None'
        )
    print('No GPU is found: the processes meet over gloo.')
    distributed.init_process_group('gloo')
