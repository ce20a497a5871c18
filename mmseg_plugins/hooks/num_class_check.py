"""A hook that checks whether model and data have the same number of classes."""

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import nn

from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class NumClassCheckHook(Hook):
    """Raise ValueError if a head's num_classes differs from the dataset's classes.

    It does so before the first batch; the validation data are checked before training
    too, not after its first epoch. A dataset without class names is not checked.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training and the validation dataset."""
        _check(runner.model, runner.train_loop)
        _check(runner.model, runner.val_loop)

    def before_val(self, runner: Runner) -> None:
        """Check the validation dataset."""
        _check(runner.model, runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Check the test dataset."""
        _check(runner.model, runner.test_loop)


def _check(model: nn.Module, loop: BaseLoop | None) -> None:
    dataset = loop.dataloader.dataset if loop else None
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if classes is None:
        return
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.get_submodule('module')
    wrong = {
        f'model.{name}.num_classes': module.num_classes
        for name, module in model.named_modules()
        if isinstance(module, BaseDecodeHead)
        and module.num_classes != len(classes)
        # The auxiliary head of STDC predicts boundaries, not the classes.
        and (module.out_channels > 1 or name.startswith('decode_head'))
    }
    if wrong:
        values = ', '.join(f'{key}={value}' for key, value in wrong.items())
        fix = ' '.join(f'{key}={len(classes)}' for key in wrong)
        raise ValueError(
            f'{values}: {type(dataset).__name__} has {len(classes)} classes; set {fix}'
        )
