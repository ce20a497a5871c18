"""A hook that checks whether a checkpoint belongs to the model."""

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch.distributed.fsdp import FullyShardedDataParallel

from mmseg_plugins.layers import StripPooling
from mmseg_plugins.registry import HOOKS
from mmseg_plugins.safe_unpickling import trust


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Stop where mmengine would go on with random weights.

    mmengine loads the weights that fit and only logs the others. A training may start
    from a checkpoint of which a part fits. A test needs all weights of the model, and a
    file with no others, except those of an ``auxiliary_head``.

    The config key ``trusted_checkpoints``, a list of files or addresses, names those
    whose code may run (``mmseg_plugins.safe_loading``). mmengine's ``FlexibleRunner``
    loads before it calls hooks: there, use ``--trust`` of our tools. To turn the hook
    off, leave it out of ``custom_hooks``.
    """

    misfit = ''  # why the weights that were loaded cannot be tested

    def before_run(self, runner: Runner) -> None:
        """Trust the files of ``trusted_checkpoints``, before any is loaded.

        Raises:
            ValueError: If it is not a list.
        """
        names = runner.cfg.get('trusted_checkpoints', [])
        if not isinstance(names, list | tuple):
            raise ValueError(
                f'trusted_checkpoints={names!r}: must be a list of files or addresses'
            )
        for name in names:
            trust(name)

    def before_train(self, runner: Runner) -> None:
        """Check that no SPM is frozen before it learned anything.

        Raises:
            ValueError: If one is, as a plugin in a frozen stage of mmseg's ResNet.
        """
        self.misfit = ''
        for name, module in runner.model.named_modules():
            if (
                isinstance(module, StripPooling)
                and not any(p.requires_grad for p in module.parameters())
                and not module.gate.weight.any()  # an open gate starts with zeros
            ):
                raise ValueError(
                    f'{name} is frozen, but no checkpoint has weights of it: use '
                    'mmseg_plugins.SPNetResNet with spm_blocks, whose SPMs train in '
                    'frozen stages too, or a frozen_stages below its stage'
                )

    def before_val(self, runner: Runner) -> None:
        """Raise a ValueError if the weights of a validation alone do not fit."""
        if self.misfit and not isinstance(runner._train_loop, BaseLoop):
            raise ValueError(self.misfit)

    def before_test(self, runner: Runner) -> None:
        """Raise a ValueError if the weights that were loaded do not fit."""
        if self.misfit:
            raise ValueError(self.misfit)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes.

        Raises:
            ValueError: If no weight of the checkpoint fits the model.
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
                'checkpoint of this config. If the file is of the backbone, leave out '
                "load_from and set model.backbone.init_cfg=dict(type='Pretrained', "
                'checkpoint=FILE), and prefix if its keys have one'
            )
        unused = [
            key
            for key in loaded
            if key not in expected
            and not key.endswith('num_batches_tracked')
            and not key.startswith('auxiliary_head.')
        ]
        self.misfit = ''
        if wrong or unused:
            self.misfit = (
                f'{file} belongs to another model: {len(wrong)} of {len(expected)} '
                'weights of this model are missing or have another shape, '
                f'{len(unused)} weights of the file are not in this model; the first '
                f'is {[*wrong, *unused][0]}. Load a checkpoint of this config'
            )
