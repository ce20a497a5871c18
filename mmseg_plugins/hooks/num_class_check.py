"""A hook that checks whether model and data have the same number of classes."""

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses import CrossEntropyLoss
from torch import nn

from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class NumClassCheckHook(Hook):
    """Raise ValueError if a head's num_classes differs from the dataset's classes.

    It does so before the first batch; the validation data are checked before training
    too, not after its first epoch. A dataset without class names is not checked.

    A head with one logit per pixel and a sigmoid, ``num_classes=2, out_channels=1`` or
    ``num_classes=1``, needs a dataset with two class names, for labels 0 and 1. A
    dataset with one class name is refused: for mmseg's ``IoUMetric`` all labels would
    be that class.
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


def segmentor_of(model: nn.Module) -> nn.Module:
    """Return the model without its wrappers for several processes or augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.get_submodule('module')
    return model


def decode_heads(model: nn.Module) -> dict[str, BaseDecodeHead]:
    """Return mmseg's heads in a model, which may be wrapped, by their names."""
    modules = segmentor_of(model).named_modules()
    return {key: head for key, head in modules if isinstance(head, BaseDecodeHead)}


def _check(model: nn.Module, loop: BaseLoop | None) -> None:
    dataset = loop.dataloader.dataset if loop else None
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if classes is None:
        return
    name, num_classes = type(dataset).__name__, max(len(classes), 2)
    wrong = {
        f'model.{key}': head
        for key, head in decode_heads(model).items()
        if _num_labels(head) != num_classes
        # The auxiliary head of STDC predicts boundaries, not the classes.
        and (head.out_channels > 1 or key.startswith('decode_head'))
    }
    fixes = [f'{key}.num_classes={num_classes}' for key in wrong]
    fixes += [
        f'{key}.out_channels={num_classes}'
        for key, head in wrong.items()
        if head.out_channels == 1
    ]
    if len(classes) == 1:
        own = getattr(type(dataset), 'METAINFO', {}).get('classes')
        place = f'METAINFO of {name}' if own else 'metainfo of all datasets'
        fixes.append(f"classes=('background', {classes[0]!r}) in {place}")
        raise ValueError(
            f'{name} has one class, {classes[0]!r}, but its background, label 0, is a '
            f'class as well; set {" ".join(fixes)}, and one colour per class in '
            'palette if there is one'
        )
    if wrong:
        values = [
            f'{key}.num_classes={head.num_classes}' for key, head in wrong.items()
        ]
        raise ValueError(
            f'{", ".join(values)}: {name} has {len(classes)} classes; '
            f'set {" ".join(fixes)}'
        )


def _num_labels(head: BaseDecodeHead) -> int:
    """Return the number of labels that a head learns; one logit is for 0 and 1."""
    has_softmax = any(
        isinstance(module, CrossEntropyLoss) and not module.use_sigmoid
        for module in head.modules()
    )
    return head.num_classes if has_softmax else max(head.num_classes, 2)
