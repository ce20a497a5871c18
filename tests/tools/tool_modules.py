"""Tools as modules, for the tests that call their parts."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def import_tool(name: str, folder: str = 'tools') -> ModuleType:
    """Import a tool with its folder on the path, as where it is run."""
    path = str(ROOT / folder)
    sys.path.append(path)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(path)
