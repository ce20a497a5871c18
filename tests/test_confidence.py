"""The temperature of a checkpoint, and its fit."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from mmseg_plugins.confidence import find_temperature, fit_temperature

pytestmark = pytest.mark.one_line


@pytest.mark.parametrize(
    ('meta', 'expected'),
    [
        ({}, [1.0]),
        (dict(temperature=1.5), [1.5]),
        (dict(temperature=[1.5, 2, 0.5]), [1.5, 2.0, 0.5]),
    ],
)
def test_a_checkpoint_has_one_temperature_or_one_per_class(meta, expected):
    assert find_temperature(meta, 3).tolist() == expected


@pytest.mark.parametrize(
    'value', [0, -1.0, [1.0, 2.0], [1.0, 0.0, 1.0], float('nan'), '2', [], None]
)
def test_a_wrong_temperature_is_refused(value):
    with pytest.raises(ValueError, match='greater than 0, or a list of 3'):
        find_temperature(dict(temperature=value), 3)


@pytest.mark.parametrize('temperature', [0.4, 1.0, 3.0])
def test_the_fit_finds_the_temperature_of_the_labels(temperature):
    torch.manual_seed(0)
    logits = 4 * torch.randn(20_000, 5)
    truth = torch.multinomial((logits / temperature).softmax(1), 1)[:, 0]
    fitted = fit_temperature(logits, truth)
    assert fitted == pytest.approx(temperature, rel=0.05)
    loss, *others = (
        cross_entropy(logits.double() / (fitted * factor), truth)
        for factor in (1, 0.999, 1.001)
    )
    assert loss < min(others)


def test_pixels_that_are_all_right_give_the_lowest_temperature():
    logits = torch.eye(3)
    assert fit_temperature(logits, torch.arange(3)) == pytest.approx(0.01)
    assert fit_temperature(-logits, torch.arange(3)) == pytest.approx(100)
