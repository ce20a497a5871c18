"""The registries of scope ``mmseg_plugins``, one child for each of mmseg's.

mmengine imports this module when it meets a type such as
``mmseg_plugins.FCNSkipHead``; the package around it registers every class.
"""

import logging

import mmseg.registry
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.logging import print_log
from mmengine.registry import Registry

SCOPE = 'mmseg_plugins'

#: Classes whose plain name is stock mmseg's, and the plain name they get instead.
PLAIN_NAMES = {'EncHead': 'SEEncHead'}


class PluginRegistry(Registry):
    """A child of one of mmseg's registries that also publishes plain names.

    The plain name goes into mmengine's root registry, which mmseg's registries ask
    last: a class of that name in mmseg, stock or from another plug-in, registered
    before or after ours, is never replaced and never in the way. Only a plug-in that
    later registers the same name in the root itself meets mmengine's KeyError.
    """

    def _register_module(self, module, module_name=None, force=False) -> None:
        """Register ``module``; a reloaded class replaces its former self."""
        names = module_name or module.__name__
        for name in [names] if isinstance(names, str) else names:
            reloaded = _same_class(self.module_dict.get(name), module)
            super()._register_module(module, name, force or reloaded)
            self._publish(PLAIN_NAMES.get(name, name), module)

    def _publish(self, plain_name: str, module: type) -> None:
        host, root = self.parent, self.parent.parent
        taken = host.module_dict.get(plain_name) or root.module_dict.get(plain_name)
        if taken is None or _same_class(taken, module):
            root.register_module(name=plain_name, module=module, force=True)
            return
        print_log(
            f'The plain name {plain_name!r} belongs to {taken.__module__}; write '
            f"type='{SCOPE}.{module.__name__}' for the class of mmseg_plugins.",
            logger='current',
            level=logging.WARNING,
        )


def _same_class(former: type | None, module: type) -> bool:
    return former is not None and (former.__module__, former.__qualname__) == (
        module.__module__,
        module.__qualname__,
    )


def _child_of(host: Registry) -> Registry:
    if SCOPE in host.children:  # this module was reloaded
        return host.children[SCOPE]
    locations = [*host._locations, SCOPE]
    return PluginRegistry(host.name, parent=host, scope=SCOPE, locations=locations)


# Every registry is mirrored, so that default_scope='mmseg_plugins' finds all of mmseg.
REGISTRIES = {
    name: _child_of(host)
    for name, host in vars(mmseg.registry).items()
    if isinstance(host, Registry)
}
MODELS = REGISTRIES['MODELS']
DATASETS = REGISTRIES['DATASETS']
TRANSFORMS = REGISTRIES['TRANSFORMS']
HOOKS = REGISTRIES['HOOKS']

# Lets a config say _base_ = 'mmseg_plugins::...' once the package is imported.
MODULE2PACKAGE.setdefault(SCOPE, SCOPE)
