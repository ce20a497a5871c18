"""A hook that gives a training a number of seconds instead of iterations."""

import time
from typing import Any

import torch
from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from mmseg_plugins.registry import HOOKS

SMALLEST_FACTOR = 1e-3  # of the learning rate, at the end


@HOOKS.register_module()
class TimedScheduleHook(Hook):
    """Set the learning rate by the clock, and end the training when the time is over.

    It is for machines that are rented by the minute, and for comparing networks at
    equal time. The learning rate of each parameter group is its value in the config,
    multiplied by ``(1 - share of the time) ** power``, and rises linearly in the first
    ``warmup`` iterations. When the time is over, the iteration is the last: checkpoint,
    validation and logs are those of any last iteration.

    The time begins with the training, after the network is built, and contains
    validations. A resumed training has the time that was left at its checkpoint.

    Use it without schedulers, in an ``IterBasedTrainLoop`` whose ``max_iters`` is too
    large to be reached::

        custom_hooks = [dict(type='mmseg_plugins.TimedScheduleHook', seconds=600)]
        param_scheduler = []
        train_cfg = dict(max_iters=1000000, val_interval=1000000)

    Args:
        seconds: Time of the training, above 0.
        warmup: Number of iterations, at least 0.
        power: Exponent, at least 0; 0 keeps the learning rate.

    Raises:
        ValueError: If an argument is out of its range, or the training has schedulers
            or epochs.
    """

    priority = 'VERY_HIGH'  # the others ask whether this iteration is the last

    def __init__(self, seconds: float, warmup: int = 100, power: float = 0.9) -> None:
        if seconds <= 0:
            raise ValueError(f'seconds={seconds}: must be above 0')
        if warmup < 0:
            raise ValueError(f'warmup={warmup}: must be at least 0')
        if power < 0:
            raise ValueError(f'power={power}: must be at least 0')
        self.seconds, self.warmup, self.power = seconds, warmup, power

    def before_train(self, runner: Runner) -> None:
        """Start the clock; a resumed training continues from its checkpoint."""
        if runner.param_schedulers:
            raise ValueError(
                'param_scheduler: must be [] with TimedScheduleHook, which sets the '
                'learning rate itself'
            )
        if not isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ValueError(
                f'{type(runner.train_loop).__name__}: TimedScheduleHook needs '
                "train_cfg=dict(type='IterBasedTrainLoop', ...)"
            )
        before = runner.message_hub.runtime_info.get('training_seconds', 0.0)
        self.start = time.monotonic() - before
        for group in runner.optim_wrapper.param_groups:
            # In a checkpoint, 'lr' has been changed; the optimizer saves both.
            group.setdefault('initial_lr', group['lr'])
        if before >= self.seconds:
            self._end(runner, runner.iter)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Set the learning rate."""
        share = min(self._elapsed() / self.seconds, 1)
        factor = max((1 - share) ** self.power, SMALLEST_FACTOR)
        if runner.iter < self.warmup:
            factor *= (runner.iter + 1) / self.warmup
        for group in runner.optim_wrapper.param_groups:
            group['lr'] = group['initial_lr'] * factor

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Note the time for the checkpoint; make this iteration the last if it is."""
        elapsed = self._elapsed()
        runner.message_hub.update_info('training_seconds', elapsed)
        if elapsed >= self.seconds:
            self._end(runner, runner.iter + 1)

    def _elapsed(self) -> float:
        """Return the seconds of the first process, which is when all of them end."""
        elapsed = torch.tensor(time.monotonic() - self.start, dtype=torch.float64)
        broadcast(elapsed)
        return elapsed.item()

    @staticmethod
    def _end(runner: Runner, iteration: int) -> None:
        # The loop's public `stop_training` would leave out the last checkpoint and the
        # validation, for both of which hooks and loop compare with the length.
        runner.train_loop._max_iters = iteration
