from collections import OrderedDict
from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, Runner
from torch.utils.data import DataLoader

from mmseg_plugins.safe_globals import allow_message_hub

pytestmark = pytest.mark.skipif(
    torch.__version__ < '2.6', reason='torch.load is not strict before 2.6'
)


@pytest.fixture(autouse=True)
def without_safe_globals():
    """Remove what the import of the package allowed, and restore it afterwards."""
    before = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(before)


class ToyModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, mode='tensor'):
        return dict(loss=(self.weight * inputs).mean())


def train(work_dir, max_iters, resume=False):
    runner = Runner(
        ToyModel(),
        str(work_dir),
        train_dataloader=DataLoader([dict(inputs=1.0)] * 4),
        train_cfg=dict(by_epoch=False, max_iters=max_iters),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
            checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False),
        ),
        resume=resume,
        experiment_name=f'{work_dir.name}_{max_iters}',
    )
    runner.message_hub.update_info('best_score', np.float32(0.5))
    runner.train()
    return runner


@pytest.fixture
def checkpoint(tmp_path):
    train(tmp_path, 2)
    return tmp_path / 'iter_2.pth'


def test_a_run_resumes_with_weights_only(checkpoint, capsys):
    allow_message_hub()
    runner = train(checkpoint.parent, 4, resume=True)
    assert runner.iter == 4
    losses = runner.message_hub.get_scalar('train/loss')
    assert len(losses._log_history) == 4
    assert 'Falling back to weights_only=False' not in capsys.readouterr().out


def test_control_without_the_package_it_fails_or_loads_unsafely(checkpoint, capsys):
    with pytest.raises(UnpicklingError):
        torch.load(checkpoint, weights_only=True)
    try:
        train(checkpoint.parent, 4, resume=True)
    except UnpicklingError:
        return
    assert 'Falling back to weights_only=False' in capsys.readouterr().out


def test_what_is_loaded_is_what_was_saved(checkpoint, tmp_path):
    allow_message_hub()
    saved = torch.load(checkpoint, weights_only=False)['message_hub']
    CheckpointLoader.load_checkpoint(str(checkpoint))  # may remove its own globals
    loaded = torch.load(checkpoint, weights_only=True)['message_hub']
    assert loaded['runtime_info'] == saved['runtime_info']
    assert type(loaded['runtime_info']['best_score']) is np.float32
    assert loaded['log_scalars'].keys() == saved['log_scalars'].keys() != set()
    for name, expected in saved['log_scalars'].items():
        values = loaded['log_scalars'][name]
        assert type(values) is HistoryBuffer
        assert values.mean() == expected.mean()
        for array, expected_array in zip(values.data, expected.data, strict=True):
            np.testing.assert_array_equal(array, expected_array)
            assert array.dtype == expected_array.dtype
    # Saved again, the file needs nothing of this package.
    torch.save(loaded, tmp_path / 'again.pth')
    assert b'mmseg_plugins' not in (tmp_path / 'again.pth').read_bytes()
    torch.load(tmp_path / 'again.pth', weights_only=True)


class Call:
    """Calls a function when it is unpickled."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def load(hostile, folder, weights_only=True):
    torch.save(hostile, folder / 'hostile.pth')
    return torch.load(folder / 'hostile.pth', weights_only=weights_only)


@pytest.mark.parametrize(
    'hostile',
    [
        Call(getattr, (HistoryBuffer, '__init__')),
        Call(getattr, (HistoryBuffer([1], [1]), 'min')),
        Call(getattr, (OrderedDict, 'min')),
        Call(getattr, (Call(getattr, (HistoryBuffer, 'min')), '__globals__')),
        Call(eval, ('1 + 1',)),
        np.dtype('O'),
        np.dtype('f4,f4'),
        np.array([None]),
    ],
)
def test_nothing_else_is_allowed(hostile, tmp_path):
    allow_message_hub()
    with pytest.raises(UnpicklingError):
        load(hostile, tmp_path)


def test_control_a_hostile_file_runs_without_weights_only(tmp_path):
    assert load(Call(eval, ('1 + 1',)), tmp_path, weights_only=False) == 2


def test_bytes_do_not_become_pointers(tmp_path):
    """numpy.ndarray itself would read these bytes as the address of an object."""
    allow_message_hub()
    loaded = load(Call(np.ndarray, ((1,), 'O', b'\1' * 8)), tmp_path)
    assert (loaded.size, loaded.dtype) == (0, np.float64)


def test_a_type_cannot_be_forged(tmp_path):
    """numpy would accept fields that lie outside of the item."""
    allow_message_hub()
    fields = {'far': (np.dtype('f8'), 4000)}
    state = (3, '<', None, ('far',), fields, -1, -1, 0)
    forged = Call(np.dtype, ('f4', False, True), state)
    reconstruct, args, _ = np.zeros(1).__reduce__()
    array = Call(reconstruct, args, (1, (1,), forged, False, b'\0' * 4))
    loaded = load(array, tmp_path)
    assert (loaded.dtype, loaded.dtype.names) == (np.float32, None)
    scalar = Call(np.float32(0).__reduce__()[0], (forged, b'\0' * 4))
    assert type(load(scalar, tmp_path)) is np.float32


def test_older_torch_is_left_alone(monkeypatch):
    monkeypatch.setattr(torch, '__version__', torch.torch_version.TorchVersion('2.5.1'))
    allow_message_hub()
    assert torch.serialization.get_safe_globals() == []
