"""FCN, DFANet, SPNet and EncNet for MMSegmentation's config system.

Importing this package registers every class of it: by its scoped name, such as
``mmseg_plugins.FCNSkipHead``, and by its plain name where that is free.
"""

from mmseg_plugins.environment import check_host, cure_for

__version__ = '0.1.0'

check_host()
try:
    # The names are needed here: where no default scope is set, mmengine takes
    # 'mmseg_plugins.FCNSkipHead' for an attribute of this package.
    from mmseg_plugins.backbones import *  # noqa: F403
    from mmseg_plugins.datasets import *  # noqa: F403
    from mmseg_plugins.decode_heads import *  # noqa: F403
    from mmseg_plugins.hooks import *  # noqa: F403
    from mmseg_plugins.layers import StripPooling  # noqa: F401
    from mmseg_plugins.losses import *  # noqa: F403
    from mmseg_plugins.safe_globals import allow_message_hub
except Exception as error:
    # mmengine's registries swallow ImportError and AttributeError, and would call
    # every class of ours "not in the registry".
    raise RuntimeError(
        f'mmseg_plugins could not be imported: {error!r}. '
        f'Mend it with: {cure_for(str(error))}'
    ) from error

allow_message_hub()
