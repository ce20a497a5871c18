"""Sharded training that can be resumed on current PyTorch.

Not imported with the package: a config names
``mmseg_plugins.fsdp.ResumableFSDPStrategy``.
"""

from mmengine._strategy.fsdp import FSDPStrategy
from torch.distributed.fsdp import FullyShardedDataParallel


class ResumableFSDPStrategy(FSDPStrategy):
    """mmengine's strategy, with a ``--resume`` that works.

    mmengine (0.10.7, 0.10.12) gives torch the optimiser's state in an order of
    arguments that torch no longer has: ``TypeError: unhashable type: 'dict'``.
    """

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Load the state of the optimiser, as a checkpoint has it, for these shards."""
        optimizer = self.optim_wrapper.optimizer
        sharded = FullyShardedDataParallel.optim_state_dict_to_load(
            model=self.model, optim=optimizer, optim_state_dict=state_dict
        )
        self.optim_wrapper.load_state_dict(sharded)
