"""A check that a checkpoint belongs to the model it is loaded into."""

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Stop where the host would go on with random weights.

    The host loads what fits and logs the rest. That is right for ``load_from`` of a
    training, if anything fits at all; a model to be tested must be in its checkpoint
    whole.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare keys and shapes.

        Raises:
            ValueError: If nothing of the checkpoint fits the model, or, without a
                training, if something of the model is missing or of another shape.
        """
        own = {
            key: value
            for key, value in _unwrap(runner.model).state_dict().items()
            if not key.endswith('num_batches_tracked')  # older files lack it
        }
        if not own:  # FSDP shows all of the model to the first process only
            return
        weights = checkpoint.get('state_dict', checkpoint)
        found = {key.removeprefix('module.'): value for key, value in weights.items()}
        misfits = [
            key
            for key, value in own.items()
            if getattr(found.get(key), 'shape', None) != value.shape
        ]
        file = runner._load_from or 'The checkpoint'
        if len(misfits) == len(own):
            raise ValueError(
                f'{file} has no weight of this model, which begins with {misfits[0]}; '
                f'its own begin with {next(iter(found), "none")}: give a checkpoint of '
                "this config, or a backbone's through init_cfg"
            )
        if misfits and not isinstance(runner._train_loop, BaseLoop):
            raise ValueError(
                f'{file} is of another model: {len(misfits)} of {len(own)} weights are '
                f'missing or of another shape, the first is {misfits[0]}: give a '
                'checkpoint of this config'
            )


def _unwrap(model: nn.Module) -> nn.Module:
    # Of a sharded model only the wrapper knows the whole weights.
    while isinstance(model, BaseTTAModel) or (
        is_model_wrapper(model) and not isinstance(model, FullyShardedDataParallel)
    ):
        model = model.get_submodule('module')
    return model
