"""Weights of timm's models for mmseg's ``TIMMBackbone``, loaded when training starts.

Importing this module lets mmengine load ``timm://NAME``:
``init_cfg=dict(type='Pretrained', checkpoint='timm://vit_small_patch14_dinov2')``.
``pretrained=True`` would download them whenever the network is built, for a prediction
with other weights too.
"""

from typing import Any

from mmengine.runner import CheckpointLoader
from torch import Tensor

try:
    import timm
except ImportError:
    timm = None


@CheckpointLoader.register_scheme(prefixes='timm://', force=True)
def load_from_timm(name: str, map_location: Any = None) -> dict[str, Tensor]:
    """Load the weights of a timm model from timm's cache, or download them.

    Args:
        name: ``timm://`` and the name of the model, with or without that of its
            weights, such as ``timm://vit_small_patch14_dinov2.lvd142m``.
        map_location: Ignored; the weights are on the CPU.

    Returns:
        The weights by the keys of a ``TIMMBackbone`` that contains a plain ViT.

    Raises:
        ValueError: If timm is not installed, or the weights cannot be loaded.
    """
    if timm is None:
        raise ValueError(f"{name!r} needs timm: pip install 'mmseg-plugins[timm]'")
    model_name = name.removeprefix('timm://')
    try:
        model = timm.create_model(model_name, pretrained=True, num_classes=0)
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f'checkpoint={name!r} could not be loaded ({error}): check the name and '
            'the connection to huggingface.co; without one, copy the folder of its '
            'cache, $HF_HOME, from a machine that has the weights, and set '
            'HF_HUB_OFFLINE=1'
        ) from error
    return {f'timm_model.model.{key}': x for key, x in model.state_dict().items()}
