"""A hook that stops a training whose loss is not finite."""

import math

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_plugins.registry import HOOKS

from .safe_checkpoint import SafeCheckpointHook


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop the training when the loss is NaN or infinite.

    The host would train on to the end, and each new checkpoint of NaN weights would
    replace an older one. This hook runs before the checkpoint of the iteration is
    written. It reads the values that mmengine's ``RuntimeInfoHook`` has copied to the
    CPU for the log, so it costs no further wait for the GPU. In distributed training
    each process checks its own loss, and the launcher stops the others.

    To turn the hook off, leave it out of ``custom_hooks``.

    Args:
        max_in_a_row: Number of iterations in a row without a finite loss at which the
            training stops, at least 1. By default 100 if the optimizer wrapper has an
            enabled gradient scaler (``AmpOptimWrapper``), which skips such steps and
            lowers its scale, and 1 otherwise.

    Raises:
        ValueError: If ``max_in_a_row`` is less than 1.
    """

    def __init__(self, max_in_a_row: int | None = None) -> None:
        if max_in_a_row is not None and max_in_a_row < 1:
            raise ValueError(f'max_in_a_row={max_in_a_row}: must be at least 1')
        self.max_in_a_row, self.num_in_a_row = max_in_a_row, 0

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Check the loss terms of an iteration.

        Raises:
            FloatingPointError: If the loss was not finite ``max_in_a_row`` times. The
                message has the iteration, the learning rates, the loss terms, the image
                files and the last finite checkpoint.
        """
        names = [name for name in outputs or () if 'loss' in name]
        scalars = runner.message_hub.log_scalars
        losses = {name: float(scalars[f'train/{name}'].current()) for name in names}
        if all(map(math.isfinite, losses.values())):
            self.num_in_a_row = 0
            return
        self.num_in_a_row += 1
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        has_scaler = scaler is not None and scaler.is_enabled()
        if self.num_in_a_row < (self.max_in_a_row or (100 if has_scaler else 1)):
            return
        rates = {
            name: _range(values)
            for name, values in runner.optim_wrapper.get_lr().items()
        }
        raise FloatingPointError(
            f'The loss is not finite at iteration {runner.iter + 1} (times in a row: '
            f'{self.num_in_a_row}): {_join(losses)}. Learning rate: {_join(rates)}. '
            f'Images of the batch: {", ".join(_image_files(data_batch))}. Last finite '
            f'checkpoint: {_last_finite_checkpoint(runner)}. Check these images and '
            'labels. If they are right, set optim_wrapper.clip_grad and continue with '
            '--resume, or begin with a lower learning rate in another --work-dir '
            '(--resume keeps the old rate)'
        )


def _range(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f'{low:g}' if low == high else f'{low:g} to {high:g}'


def _join(values: dict) -> str:
    return ', '.join(f'{name}={value}' for name, value in values.items())


def _image_files(data_batch: dict | None) -> list[str]:
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    files = [getattr(sample, 'img_path', None) for sample in samples or ()]
    return [str(file) for file in files if file] or ['unknown']


def _last_finite_checkpoint(runner: Runner) -> str:
    hooks = [hook for hook in runner.hooks if isinstance(hook, SafeCheckpointHook)]
    paths = [hook.newest_finite for hook in hooks if hook.newest_finite]
    if runner._resume and runner._load_from:
        paths.append(runner._load_from)
    return paths[0] if paths else 'none was saved in this process'
