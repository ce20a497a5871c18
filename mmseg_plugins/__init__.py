"""FCN, DFANet, SPNet and EncNet for the configs of MMSegmentation.

Importing this package registers all its classes: under scoped names such as
``mmseg_plugins.FCNSkipHead``, and under the plain name if that is not taken.
"""

from mmseg_plugins.environment import check_host, fix_for

__version__ = '0.1.0'

check_host()
try:
    # mmengine needs these names: without a default scope, it looks up
    # 'mmseg_plugins.FCNSkipHead' as an attribute of this package.
    from mmseg_plugins.backbones import *  # noqa: F403
    from mmseg_plugins.backbones.frozen_backbone import FrozenBackbone  # noqa: F401
    from mmseg_plugins.data_preprocessor import (
        MultiChannelDataPreProcessor,  # noqa: F401
    )
    from mmseg_plugins.datasets import *  # noqa: F403
    from mmseg_plugins.decode_heads import *  # noqa: F403
    from mmseg_plugins.hooks import *  # noqa: F403
    from mmseg_plugins.layers import StripPooling  # noqa: F401
    from mmseg_plugins.losses import *  # noqa: F403
    from mmseg_plugins.named_networks import build  # noqa: F401
except Exception as error:
    # mmengine's registries hide ImportError and AttributeError: they would only say
    # that the class is not in the registry.
    raise RuntimeError(
        f'mmseg_plugins could not be imported: {error!r}. Fix: {fix_for(str(error))}'
    ) from error
