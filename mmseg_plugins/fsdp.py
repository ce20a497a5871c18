"""Sharded training (FSDP) that can be resumed on current PyTorch.

It is not imported with the package: a config names it by
``mmseg_plugins.fsdp.ResumableFSDPStrategy``.
"""

from mmengine._strategy.fsdp import FSDPStrategy
from torch.distributed.fsdp import FullyShardedDataParallel


class ResumableFSDPStrategy(FSDPStrategy):
    """mmengine's FSDP strategy, with a ``--resume`` that works.

    mmengine (0.10.7, 0.10.12) passes the optimizer state in an argument order that
    torch no longer has, which ends in ``TypeError: unhashable type: 'dict'``.
    """

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Load the optimizer state of a checkpoint into the shards."""
        optimizer = self.optim_wrapper.optimizer
        sharded = FullyShardedDataParallel.optim_state_dict_to_load(
            model=self.model, optim=optimizer, optim_state_dict=state_dict
        )
        self.optim_wrapper.load_state_dict(sharded)
