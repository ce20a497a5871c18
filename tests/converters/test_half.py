"""Half-precision checkpoints for sharing."""

import convert
import pytest
import torch

from mmseg_plugins.converters import convert_half, shared_meta

pytestmark = pytest.mark.one_line

VALUES = torch.tensor([0.1, -3.0])
LARGE = torch.tensor([1e-3, 7e4])  # above the largest value of float16, 65504
CHECKPOINT = dict(
    state_dict=dict(weight=VALUES, variance=LARGE, steps=torch.tensor(400)),
    meta=dict(seed=0, dataset_meta=dict(classes=('a', 'b')), cfg='secret = 1'),
    optimizer=dict(state={}),
)


def test_weights_are_rounded_and_large_ones_are_kept():
    weights = convert_half(CHECKPOINT)
    torch.testing.assert_close(weights['weight'], VALUES.half())
    assert weights['variance'].equal(LARGE)
    assert weights['steps'].equal(torch.tensor(400))


def test_the_file_holds_weights_classes_and_seed_alone(tmp_path, capsys):
    source, target = tmp_path / 'iter_400.pth', tmp_path / 'half.pth'
    torch.save(CHECKPOINT, source)
    assert convert.main(['half', str(source), str(target)]) == 0
    assert '3 weights' in capsys.readouterr().out
    checkpoint = torch.load(target, weights_only=True)
    assert [*checkpoint] == ['state_dict', 'meta']
    assert checkpoint['meta'] == dict(dataset_meta=dict(classes=('a', 'b')), seed=0)
    assert shared_meta({}) == {}


@pytest.mark.parametrize(
    ('checkpoint', 'words'),
    [
        ({}, 'no state_dict'),
        (dict(state_dict=dict(w=torch.tensor([float('nan')]))), 'w has values'),
    ],
)
def test_what_cannot_be_shared(checkpoint, words):
    with pytest.raises(ValueError, match=words):
        convert_half(checkpoint)
