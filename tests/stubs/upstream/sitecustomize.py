"""Lets upstream mmsegmentation be imported with mmcv-lite; for the tests only.

mmsegmentation 1.2.2 imports ``mmcv.ops``, which asks for the compiled ``mmcv._ext``.
Put this folder on PYTHONPATH and a placeholder answers where the real one is missing.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.util import spec_from_loader


class _CompiledOps(MetaPathFinder, Loader):
    def find_spec(self, fullname, path=None, target=None):
        return spec_from_loader(fullname, self) if fullname == 'mmcv._ext' else None

    def exec_module(self, module):
        module.__getattr__ = _placeholder  # PEP 562: every operator "exists"


def _placeholder(name):
    if name.startswith('__'):
        raise AttributeError(name)

    def call(*args, **kwargs):
        raise NotImplementedError(f'mmcv-lite has no compiled operator {name!r}')

    return call


sys.meta_path.append(_CompiledOps())  # last: a real mmcv._ext wins
