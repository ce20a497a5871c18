"""An optimizer wrapper for trainings in bfloat16 on any device."""

import contextlib
from collections.abc import Iterator

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """Compute the loss in bfloat16; AmpOptimWrapper does this on a GPU only."""

    @contextlib.contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """Turn autocast on, beside what gradient accumulation needs."""
        with super().optim_context(model), torch.autocast(get_device(), torch.bfloat16):
            yield
