"""A hook that checks whether a checkpoint belongs to the model."""

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch.distributed.fsdp import FullyShardedDataParallel

from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Stop where mmengine would go on with random weights.

    mmengine loads the weights that fit and only logs the others. A training may start
    from a checkpoint of which a part fits; a test needs all weights of the model.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes.

        Raises:
            ValueError: If no weight of the checkpoint fits the model; or, unless the
                model is trained, if a weight is missing or has another shape.
        """
        model = runner.model
        # The state dict of a sharded model is that of its FSDP wrapper.
        while isinstance(model, BaseTTAModel) or (
            is_model_wrapper(model) and not isinstance(model, FullyShardedDataParallel)
        ):
            model = model.get_submodule('module')
        expected = {
            key: value.shape
            for key, value in model.state_dict().items()
            if not key.endswith('num_batches_tracked')  # older files do not have it
        }
        if not expected:  # FSDP gives the whole state dict to the first process only
            return
        weights = checkpoint.get('state_dict', checkpoint)
        loaded = {key.removeprefix('module.'): value for key, value in weights.items()}
        wrong = [
            key
            for key, shape in expected.items()
            if getattr(loaded.get(key), 'shape', None) != shape
        ]
        file = runner._load_from or 'The checkpoint'
        if len(wrong) == len(expected):
            raise ValueError(
                f'{file} has no weight of this model: the first weight of the model is '
                f'{wrong[0]}, that of the file {next(iter(loaded), "none")}. Load a '
                'checkpoint of this config, or load a backbone through init_cfg'
            )
        if wrong and not isinstance(runner._train_loop, BaseLoop):
            raise ValueError(
                f'{file} belongs to another model: {len(wrong)} of {len(expected)} '
                f'weights are missing or have another shape, the first is {wrong[0]}. '
                'Load a checkpoint of this config'
            )
