"""When FiniteLossHook stops a training, and what it says."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.structures import BaseDataElement

from mmseg_plugins.hooks import FiniteLossHook

NAN, INF = float('nan'), float('inf')


def run(
    losses: list[float], scaler: object = None, data_batch=None, **kwargs
) -> tuple[int, str]:
    """Pass losses to the hook; return how many it let pass, and its error."""
    hook, hub = FiniteLossHook(**kwargs), MessageHub('test')
    wrapper = SimpleNamespace(get_lr=lambda: dict(lr=[0.01, 0.1, 0.1], other=[2.0]))
    if scaler:
        wrapper.loss_scaler = scaler
    runner = SimpleNamespace(optim_wrapper=wrapper, message_hub=hub, hooks=[hook])
    runner._resume = False
    for runner.iter, loss in enumerate(losses):
        outputs = {'loss': loss, 'aux.loss_ce': 0.5, 'decode.acc_seg': NAN}
        hub.update_scalars({f'train/{name}': value for name, value in outputs.items()})
        try:
            hook.after_train_iter(runner, runner.iter, data_batch, outputs)
        except FloatingPointError as error:
            return runner.iter, str(error)
    return len(losses), ''


@pytest.mark.parametrize('value', [NAN, INF, -INF])
def test_first_loss_that_is_not_finite_stops_the_training(value):
    num_passed, message = run([1.0, 2.0, value, 1.0])
    assert num_passed == 2
    assert f'at iteration 3 (times in a row: 1): loss={value}, ' in message


@pytest.mark.parametrize(
    ('scaler', 'num_allowed'),
    [
        (torch.amp.GradScaler('cpu'), 99),
        (torch.amp.GradScaler('cpu', enabled=False), 0),
        (None, 0),
    ],
)
def test_steps_that_a_gradient_scaler_skips_are_allowed(scaler, num_allowed):
    assert run([1.0] + [INF] * 200, scaler)[0] == 1 + num_allowed
    never_100_in_a_row = ([INF] * 99 + [1.0]) * 3
    assert run(never_100_in_a_row, scaler)[0] == (300 if num_allowed else 0)


def test_max_in_a_row_counts_from_the_last_finite_loss():
    losses = [NAN, 1.0, NAN, NAN, 1.0, NAN, NAN, NAN]
    assert run(losses, max_in_a_row=3)[0] == 7
    with pytest.raises(ValueError, match='max_in_a_row=0: must be at least 1'):
        FiniteLossHook(max_in_a_row=0)


def test_message_has_terms_learning_rates_and_images():
    samples = [BaseDataElement(metainfo=dict(img_path=f'{name}.png')) for name in 'ab']
    _, message = run([NAN], data_batch=dict(data_samples=samples))
    assert ': loss=nan, aux.loss_ce=0.5. ' in message
    assert 'Learning rate: lr=0.01 to 0.1, other=2. ' in message
    assert 'Images of the batch: a.png, b.png. ' in message
    assert 'Images of the batch: unknown. ' in run([NAN], data_batch=None)[1]
