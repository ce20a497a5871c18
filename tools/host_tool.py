"""Run a tool of the installed mmseg with mmseg_plugins registered."""

import argparse
import os
import runpy
import sys
from pathlib import Path

# First, for it names the mend where the host is missing; it registers our names.
import mmseg_plugins  # noqa: F401

# isort: split
import mmseg
from mmengine.device import get_device
from torch import distributed


def run_host_tool(name: str) -> None:
    """Run ``name``, a path below mmseg's ``tools``, with this process's arguments.

    Raises:
        SystemExit: If the installed mmseg has no such tool, or a launcher is asked for
            where mmengine cannot start one.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--launcher', default='none')
    launcher = parser.parse_known_args()[0].launcher
    if launcher != 'none' and get_device() == 'cpu':
        _start_on_cpu(launcher)
    package = Path(mmseg.__path__[0])
    # The wheel keeps its tools inside, a source checkout beside the package.
    for tools in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (tools / name).is_file():
            runpy.run_path(str(tools / name), run_name='__main__')
            return
    sys.exit(
        f'mmseg at {package} has no tools/{name}: install it as a wheel, or put its '
        'source checkout on the path'
    )


def _start_on_cpu(launcher: str) -> None:
    """Let the processes of dist_train.sh meet; a Runner keeps a group that is there.

    Raises:
        SystemExit: If the launcher is another one, or started no process group.
    """
    if launcher != 'pytorch' or 'RANK' not in os.environ:
        sys.exit(
            f'--launcher {launcher}: mmengine starts several processes on GPUs only, '
            'and none is seen here; leave the launcher out, or try tools/dist_train.sh '
            'with --cfg-options model_wrapper_cfg.device_ids=None'
        )
    print('No GPU is seen here: the processes meet over gloo.')
    distributed.init_process_group('gloo')
