"""A check that model and data agree on the number of classes."""

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import nn

from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class NumClassCheckHook(Hook):
    """Stop before the first batch if a head has not the dataset's classes.

    The validation data are checked before training too, not after its first epoch.
    A dataset that names no classes is not checked.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training and the validation dataset.

        Raises:
            ValueError: A head's ``num_classes`` is not the dataset's.
        """
        _check(runner.model, runner.train_loop)
        _check(runner.model, runner.val_loop)

    def before_val(self, runner: Runner) -> None:
        """Check the validation dataset.

        Raises:
            ValueError: A head's ``num_classes`` is not the dataset's.
        """
        _check(runner.model, runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Check the test dataset.

        Raises:
            ValueError: A head's ``num_classes`` is not the dataset's.
        """
        _check(runner.model, runner.test_loop)


def _check(model: nn.Module, loop: BaseLoop | None) -> None:
    if loop is None:
        return
    dataset = loop.dataloader.dataset
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if classes is None:
        return
    number = len(classes)
    wrong = {
        f'model.{name}.num_classes': head.num_classes
        for name, head in _heads(model)
        if head.num_classes != number
    }
    if wrong:
        found = ', '.join(f'{key}={value}' for key, value in wrong.items())
        mend = ' '.join(f'{key}={number}' for key in wrong)
        raise ValueError(
            f'{found}, but {type(dataset).__name__} has {number} classes: set {mend}.'
        )


def _heads(model: nn.Module) -> list[tuple[str, BaseDecodeHead]]:
    """List the heads that predict the dataset's classes, by their config keys."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.get_submodule('module')
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, BaseDecodeHead) and not _finds_boundaries(name, module)
    ]


def _finds_boundaries(name: str, head: BaseDecodeHead) -> bool:
    # STDC's auxiliary head tells boundary from inside whatever the classes are.
    return head.out_channels == 1 and not name.startswith('decode_head')
