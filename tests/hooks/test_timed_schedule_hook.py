"""TimedScheduleHook: a clock that the test moves, and a real training that resumes."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmseg_plugins.hooks import TimedScheduleHook, timed_schedule_hook
from tests.hooks.binary_training import HOOKS, make_runner, write_data

pytestmark = pytest.mark.one_line
EMA = dict(type='EMAHook', momentum=0.5)


class Clock:
    """Each reading is half a second later."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        self.now += 0.5
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timed_schedule_hook, 'time', clock)
    return clock


def make(folder, seconds: float, **options) -> Runner:
    """A training by the clock: an iteration takes one second, two readings."""
    cfg = make_runner(folder).cfg.to_dict()
    hook = dict(type='mmseg_plugins.TimedScheduleHook', seconds=seconds, warmup=2)
    cfg.update(
        custom_hooks=[*HOOKS, EMA, hook],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=4)
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=1000, val_interval=1000),
        experiment_name=f'{folder.name}_{seconds}_{len(options)}',
    )
    cfg.update(options)
    return Runner.from_cfg(Config(cfg, format_python_code=False))


@pytest.fixture
def rates(monkeypatch) -> list[float]:
    """Return the learning rates of all iterations."""
    rates = []

    def after_train_iter(self, runner, *args, **kwargs):
        rates.append(runner.optim_wrapper.param_groups[0]['lr'])
        return original(self, runner, *args, **kwargs)

    original = TimedScheduleHook.after_train_iter
    monkeypatch.setattr(TimedScheduleHook, 'after_train_iter', after_train_iter)
    return rates


def test_it_ends_in_time_and_a_resumed_training_has_the_rest(tmp_path, rates):
    write_data(tmp_path)
    whole = make(tmp_path, seconds=10)
    whole.train()
    assert whole.iter == 10
    assert whole.message_hub.get_info('training_seconds') == 10
    # Shares of the time when iterations begin: 0.05, 0.15, ... 0.95.
    expected = [0.05 * (1 - (0.1 * i + 0.05)) ** 0.9 for i in range(10)]
    expected[0] /= 2  # warm-up
    assert rates == pytest.approx(expected)
    assert 'val/mIoU' in whole.message_hub.log_scalars  # after the last iteration
    assert (tmp_path / 'work/iter_10.pth').is_file()

    rates.clear()
    rest = make(tmp_path, 10, resume=True, load_from=str(tmp_path / 'work/iter_8.pth'))
    rest.train()
    assert rest.iter == 10
    assert rates == pytest.approx(expected[8:])
    for name in ('iter_10.pth', 'iter_8.pth'):
        ema = torch.load(tmp_path / 'work' / name, weights_only=False)
        assert ema['ema_state_dict']['steps'] == int(name[5:-4])

    rates.clear()
    over = make(tmp_path, 8, resume=True, load_from=str(tmp_path / 'work/iter_8.pth'))
    over.train()
    assert (over.iter, rates) == (8, [])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(seconds=0), 'seconds=0: must be above 0'),
        (dict(seconds=9, warmup=-1), 'warmup=-1: must be at least 0'),
        (dict(seconds=9, power=-1), 'power=-1: must be at least 0'),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        TimedScheduleHook(**arguments)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(param_scheduler=[dict(type='PolyLR', end=9, by_epoch=False)]),
            r'param_scheduler: must be \[\]',
        ),
        (
            dict(train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=1)),
            'EpochBasedTrainLoop: TimedScheduleHook needs',
        ),
    ],
)
def test_schedules_that_do_not_fit(tmp_path, options, message):
    write_data(tmp_path)
    with pytest.raises(ValueError, match=message):
        make(tmp_path, 9, **options).train()
