"""A hook that logs a summary of a run in five lines."""

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from torch import nn

from mmseg_plugins.hooks.num_class_check import decode_heads, segmentor_of
from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class RunSummaryHook(Hook):
    """Log data, classes, network, schedule and folder before the first batch."""

    priority = 'VERY_HIGH'  # before the checks, some of which take a while

    def before_train(self, runner: Runner) -> None:
        """Log what is going to be trained."""
        loop = runner.train_loop
        data = _count_images(loop, 'training')
        if runner.val_loop:
            data += ' and ' + _count_images(runner.val_loop, 'validation')
        _log(runner, 'Training', loop, data, f'Schedule: {_schedule(runner)}')

    def before_test(self, runner: Runner) -> None:
        """Log what is going to be tested."""
        data = _count_images(runner.test_loop, 'test')
        weights = runner.cfg.get('load_from') or 'those in memory'
        _log(runner, 'Test', runner.test_loop, data, f'Weights:  {weights}')


def _log(runner: Runner, title: str, loop: BaseLoop, data: str, line: str) -> None:
    dataset = loop.dataloader.dataset
    classes = getattr(dataset, 'metainfo', {}).get('classes') or ()
    names = ', '.join(map(str, classes))
    if len(names) > 60:
        names = names[:60].rpartition(', ')[0] + ', ...'
    runner.logger.info(
        f'{title}\n'
        f'Data:     {data} ({type(dataset).__name__})\n'
        f'Classes:  {len(classes) or "no names"}{": " * bool(classes)}{names}\n'
        f'Network:  {_network(runner.model)}\n'
        f'{line}\n'
        f'Results:  {runner.work_dir} (all settings: {runner.timestamp}/'
        f'{runner.timestamp}.log)'
    )


def _count_images(loop: BaseLoop, purpose: str) -> str:
    return _count(len(loop.dataloader.dataset), f'{purpose} image')


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}{"s" * (number != 1)}'


def _network(model: nn.Module) -> str:
    """Return the class names of backbone and heads, and the number of parameters."""
    model = segmentor_of(model)
    parts = [getattr(model, 'backbone', model), *decode_heads(model).values()]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    names = ' + '.join(type(part).__name__ for part in parts)
    return f'{names}, {parameters / 1e6:.2f} M parameters'


def _schedule(runner: Runner) -> str:
    loop, wrapper = runner.train_loop, runner.optim_wrapper
    unit, length = 'iteration', runner.max_iters
    if isinstance(loop, EpochBasedTrainLoop):
        unit, length = 'epoch', runner.max_epochs
    words = [_count(length, unit)]
    if runner.iter:
        words.append(f'resumed at iteration {runner.iter}')
    if loop.dataloader.batch_size:  # a batch sampler has its own
        words.append(f'batch size {loop.dataloader.batch_size * runner.world_size}')
    if isinstance(wrapper, OptimWrapper):
        groups = wrapper.param_groups
        # The schedule may have begun with a warm-up, so that `lr` is small now.
        rates = sorted({group.get('initial_lr', group['lr']) for group in groups})
        ends = [f'{rate:g}' for rate in rates[:: len(rates) - 1 or 1]]
        words.append(type(wrapper.optimizer).__name__)
        words.append(f'learning rate {" to ".join(ends)}')
    if runner.val_loop:
        words.append(f'validation every {_count(loop.val_interval, unit)}')
    return ', '.join(words)
