"""The registries of scope ``mmseg_plugins``, one child for each registry of mmseg.

mmengine imports this module when it meets a type such as
``mmseg_plugins.FCNSkipHead``; importing its package registers every class.
"""

import logging

import mmseg.registry
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.logging import print_log
from mmengine.registry import Registry

from mmseg_plugins.environment import installed_owners

SCOPE = 'mmseg_plugins'

#: Classes whose plain name is taken by mmseg, and the plain name they get instead.
PLAIN_NAMES = {
    'CrossEntropyLoss': 'ClassWeightCrossEntropyLoss',
    'EncHead': 'SEEncHead',
}


class PluginRegistry(Registry):
    """A child of a registry of mmseg that also publishes plain names.

    Plain names go into mmengine's root registry, which mmseg's registries search last.
    So a class of the same name in mmseg, from mmseg or another plug-in, is never
    replaced, whichever is registered first. Only a plug-in that later registers the
    same name in the root registry itself gets mmengine's KeyError.
    """

    def _register_module(self, module, module_name=None, force=False) -> None:
        """Register ``module``; a reloaded class replaces its older version."""
        names = module_name or module.__name__
        for name in [names] if isinstance(names, str) else names:
            reloaded = _is_same_class(self.module_dict.get(name), module)
            super()._register_module(module, name, force or reloaded)
            self._publish(PLAIN_NAMES.get(name, name), module)

    def _publish(self, plain_name: str, module: type) -> None:
        host, root = self.parent, self.parent.parent
        taken = host.module_dict.get(plain_name) or root.module_dict.get(plain_name)
        if taken is None or _is_same_class(taken, module):
            root.register_module(name=plain_name, module=module, force=True)
            return
        print_log(
            f'The plain name {plain_name!r} belongs to {taken.__module__}; write '
            f"type='{SCOPE}.{module.__name__}' for the class of mmseg_plugins.",
            logger='current',
            level=logging.WARNING,
        )


def _is_same_class(old: type | None, new: type) -> bool:
    name = (new.__module__, new.__qualname__)
    return old is not None and (old.__module__, old.__qualname__) == name


def _child_of(host: Registry) -> Registry:
    if SCOPE in host.children:  # this module was reloaded
        return host.children[SCOPE]
    locations = [*host._locations, SCOPE]
    return PluginRegistry(host.name, parent=host, scope=SCOPE, locations=locations)


# All registries get a child, so that default_scope='mmseg_plugins' finds all of mmseg.
REGISTRIES = {
    name: _child_of(host)
    for name, host in vars(mmseg.registry).items()
    if isinstance(host, Registry)
}
MODELS = REGISTRIES['MODELS']
DATASETS = REGISTRIES['DATASETS']
TRANSFORMS = REGISTRIES['TRANSFORMS']
HOOKS = REGISTRIES['HOOKS']

# A config may say _base_ = 'mmseg_plugins::...' once the package is imported. This is
# the name of a module: for a distribution, upstream mmengine looks in site-packages
# only, where an editable install has no configs.
MODULE2PACKAGE.setdefault(SCOPE, __name__)
# For 'mmseg::...', mmengine expects a distribution named mmsegmentation. Where another
# one owns mmseg, it would ask to install that, or install it without asking.
MODULE2PACKAGE.update(
    (module, distributions[0])
    for module, distributions in installed_owners().items()
    if distributions and module in MODULE2PACKAGE
)
