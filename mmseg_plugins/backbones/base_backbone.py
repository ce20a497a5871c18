"""What our backbones share: stages to freeze, batch norm, input channels."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


class BaseBackbone(BaseModule):
    """A backbone that can freeze its first stages.

    A subclass calls ``_freeze_stages`` when it has built its modules.

    Args:
        stages: Names of the modules of each stage, in the order of the data. The first
            module is a ``ConvModule`` that takes the image.
        in_channels: Channels of the image; see :func:`fit_input_channels`.
        frozen_stages: Stages up to this one neither train nor update their batch norm;
            -1 or 0 for none.
        norm_eval: Keep batch norm on its running statistics while training.
        init_cfg: See mmengine's ``BaseModule``.

    Raises:
        ValueError: If ``frozen_stages`` is out of its range.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[str]],
        in_channels: int,
        frozen_stages: int,
        norm_eval: bool,
        init_cfg: dict | list[dict] | None,
    ) -> None:
        super().__init__(init_cfg)
        check_frozen_stages(frozen_stages, len(stages))
        self.stages = stages
        self.in_channels = in_channels
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval

    def train(self, mode: bool = True) -> 'BaseBackbone':
        """Set the mode; frozen stages, and norms with ``norm_eval``, evaluate."""
        super().train(mode)
        self._freeze_stages()
        for module in self.modules():
            if self.norm_eval and isinstance(module, _BatchNorm):
                module.eval()
        return self

    def _freeze_stages(self) -> None:
        for names in self.stages[: max(self.frozen_stages, 0)]:
            for name in names:
                self.get_submodule(name).eval().requires_grad_(False)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        key = f'{prefix}{self.stages[0][0]}.conv.weight'
        fit_input_channels(state_dict, key, self.in_channels)
        super()._load_from_state_dict(state_dict, prefix, *args)


def check_frozen_stages(frozen_stages: int, num_stages: int) -> None:
    """Raise a ValueError if there are fewer stages than are to be frozen."""
    if not -1 <= frozen_stages <= num_stages:
        raise ValueError(
            f'frozen_stages={frozen_stages}: must be from -1 (none) to {num_stages} '
            '(all stages)'
        )


def fit_input_channels(weights: dict, key: str, in_channels: int) -> None:
    """Fit the first convolution of a checkpoint of 3 input channels, in place.

    Channels after the third get the mean of the three kernels; in a network of 1 or 2
    channels, all do. All kernels are multiplied by 3 / ``in_channels``. So an image
    whose channels are all equal gives the same output as before; differences between
    its first three channels count 3 / ``in_channels``. The log says so. Weights of
    another number of channels stay as they are.

    Args:
        weights: Weights by key; their memory does not change.
        key: Key of the first convolution's weight, (out, 3, H, W).
        in_channels: Input channels of the network.
    """
    weight = weights.get(key)
    if in_channels == 3 or not isinstance(weight, Tensor):
        return
    if weight.ndim != 4 or weight.shape[1] != 3:
        return
    kept = weight[:, : 3 if in_channels > 3 else 0]
    mean = weight.mean(1, keepdim=True)  # (out, 1, H, W)
    others = mean.expand(-1, in_channels - kept.shape[1], -1, -1)
    weights[key] = torch.cat([kept, others], 1) * (3 / in_channels)
    which = 'channels after the third get' if in_channels > 3 else 'each channel gets'
    print_log(
        f'{key} has 3 input channels in the checkpoint, {in_channels} in the network: '
        f'{which} the mean of the kernels, all times 3 / {in_channels}',
        logger='current',
    )


def run_stage(stage: Callable[..., Tensor], *inputs: Any, with_cp: bool) -> Tensor:
    """Run a stage; ``with_cp`` recomputes its activations in the backward pass."""
    if with_cp and torch.is_grad_enabled():
        return checkpoint(stage, *inputs, use_reentrant=False)
    return stage(*inputs)
