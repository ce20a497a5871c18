"""Run a tool of the installed mmseg with mmseg_plugins registered."""

import runpy
import sys
from pathlib import Path

import mmseg

import mmseg_plugins  # noqa: F401  registers the plain names for every config


def run_host_tool(name: str) -> None:
    """Run ``name``, a path below mmseg's ``tools``, with this process's arguments.

    Raises:
        SystemExit: If the installed mmseg has no such tool.
    """
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
