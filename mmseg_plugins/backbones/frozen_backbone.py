"""A backbone that does not train, such as a foundation model under a light head."""

from typing import Any, Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional

from mmseg_plugins.registry import MODELS


@MODELS.register_module()
class FrozenBackbone(BaseModule):
    """Run any backbone without gradients, always in evaluation mode.

    Its parameters do not require gradients, its norm layers keep their statistics, and
    its dropout and drop path are off, whatever the mode of the network is. Checkpoints
    contain its weights. A checkpoint of the same network without this wrapper loads
    too.

    A ViT needs images whose sides are multiples of its patch size. Let the data
    preprocessor pad them: ``test_cfg=dict(size_divisor=14)``, and in training a
    ``size`` that is a multiple. mmseg cuts the padding off the logits. A backbone that
    pads the image itself does not tell the head, which stretches the map.

    Args:
        backbone: Config of the backbone.
        dtype: ``'float16'`` or ``'bfloat16'`` keeps weights and buffers in half
            precision and computes in it, under autocast too; None leaves both as they
            are. ``module.float()`` goes back to float32.
        normalize: Normalise each output over its channels, as a ViT's final norm does
            without its weights. For plain ViTs of timm, whose outputs have no norm.

    Raises:
        ValueError: If ``dtype`` is another.
    """

    def __init__(
        self,
        backbone: dict,
        dtype: Literal['float16', 'bfloat16'] | None = None,
        normalize: bool = False,
    ) -> None:
        if dtype not in (None, 'float16', 'bfloat16'):
            raise ValueError(
                f"dtype={dtype!r}: must be 'float16', 'bfloat16', or None for the "
                'precision of the backbone'
            )
        super().__init__()
        self.normalize = normalize
        self.dtype = dtype and getattr(torch, dtype)
        self.backbone = MODELS.build(backbone)
        self._freeze()

    def init_weights(self) -> None:
        """Load or draw the weights of the backbone, in float32."""
        self.backbone.float()  # some initialisers refuse half precision
        super().init_weights()
        self._freeze()

    def train(self, mode: bool = True) -> 'FrozenBackbone':
        """Set the mode of this module; the backbone stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map (N, C, H, W) to the backbone's maps, in the dtype of the images.

        Without ``dtype``, autocast decides the precision, as in other backbones.
        """
        with torch.no_grad():
            if self.dtype is None:
                levels = self.backbone(images)
            else:
                # Not self.dtype, since float() changes the weights.
                dtype = next(self.backbone.parameters()).dtype
                with torch.autocast(images.device.type, enabled=False):
                    levels = self.backbone(images.to(dtype))
            if isinstance(levels, Tensor):
                levels = [levels]
            if self.dtype is not None:
                levels = [level.to(images.dtype) for level in levels]
            if self.normalize:
                levels = [_normalize(level) for level in levels]
        return tuple(levels)

    def _freeze(self) -> None:
        self.backbone.requires_grad_(False).to(self.dtype)
        self.backbone.eval()  # of some backbones it returns None

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        inner = f'{prefix}backbone.'
        keys = [key for key in state_dict if key.startswith(prefix)]
        if not any(key.startswith(inner) for key in keys):  # trained without wrapper
            for key in keys:
                state_dict[inner + key.removeprefix(prefix)] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)


def _normalize(level: Tensor) -> Tensor:
    cells = level.movedim(1, -1)  # (N, H, W, C)
    return functional.layer_norm(cells, cells.shape[-1:]).movedim(-1, 1)
