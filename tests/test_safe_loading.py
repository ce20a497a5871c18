"""The loader builds what mmengine saves, and nothing that could run."""

import subprocess
import sys
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, Runner, checkpoint
from torch.utils.data import DataLoader

from mmseg_plugins import safe_loading, safe_unpickling
from mmseg_plugins.safe_loading import load, trust

WEIGHTS = Path(__file__).parents[2] / 'shared/weights'
needs_torch_26 = pytest.mark.skipif(
    torch.__version__ < '2.6', reason='the message hub needs torch 2.6'
)


@pytest.fixture(autouse=True)
def _nothing_is_trusted_afterwards(monkeypatch) -> None:
    monkeypatch.setattr(safe_unpickling, '_trusted', set())


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
def saved_by_mmengine(tmp_path) -> Path:
    train(tmp_path, 2)
    return tmp_path / 'iter_2.pth'


@needs_torch_26
def test_a_run_resumes(saved_by_mmengine, capsys):
    runner = train(saved_by_mmengine.parent, 4, resume=True)
    assert runner.iter == 4
    losses = runner.message_hub.get_scalar('train/loss')
    assert len(losses._log_history) == 4
    assert 'Falling back to weights_only=False' not in capsys.readouterr().out


def test_control_torch_alone_does_not_load_it(saved_by_mmengine):
    with pytest.raises(UnpicklingError):
        torch.load(saved_by_mmengine, weights_only=True)


@needs_torch_26
def test_what_is_loaded_is_what_was_saved(saved_by_mmengine, tmp_path):
    saved = torch.load(saved_by_mmengine, weights_only=False)['message_hub']
    loaded = load(str(saved_by_mmengine))['message_hub']
    del saved['runtime_info']['cfg']  # a text that mmengine could run
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
    load(str(tmp_path / 'again.pth'))


class Call:
    """Calls a function when it is unpickled."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def save(content: object, folder: Path) -> str:
    torch.save(content, folder / 'hostile.pth')
    return str(folder / 'hostile.pth')


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
    with pytest.raises(ValueError, match=r'hostile.pth .*--trust \S+hostile.pth'):
        load(save(hostile, tmp_path))


def test_a_trusted_file_runs_code(tmp_path, monkeypatch):
    name = save(Call(eval, ('1 + 1',)), tmp_path)
    monkeypatch.chdir(tmp_path)
    trust('./hostile.pth')
    assert load(name) == load('hostile.pth') == 2


@needs_torch_26
def test_bytes_do_not_become_pointers(tmp_path):
    """numpy.ndarray itself would read these bytes as the address of an object."""
    loaded = load(save(Call(np.ndarray, ((1,), 'O', b'\1' * 8)), tmp_path))
    assert (loaded.size, loaded.dtype) == (0, np.float64)


def test_an_address_without_network_ends_in_ways_out(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    place = tmp_path / 'hub/checkpoints/hostile.pth'
    with pytest.raises(OSError, match=f'put the file at {place}.*init_cfg=None'):
        CheckpointLoader.load_checkpoint('http://127.0.0.1:9/hostile.pth')
    save(dict(weight=torch.ones(1)), place.parent)
    CheckpointLoader.load_checkpoint('http://127.0.0.1:9/hostile.pth')


@needs_torch_26
def test_a_type_cannot_be_forged(tmp_path):
    """numpy would accept fields that lie outside of the item."""
    fields = {'far': (np.dtype('f8'), 4000)}
    state = (3, '<', None, ('far',), fields, -1, -1, 0)
    forged = Call(np.dtype, ('f4', False, True), state)
    reconstruct, args, _ = np.zeros(1).__reduce__()
    array = Call(reconstruct, args, (1, (1,), forged, False, b'\0' * 4))
    loaded = load(save(array, tmp_path))
    assert (loaded.dtype, loaded.dtype.names) == (np.float32, None)
    scalar = Call(np.float32(0).__reduce__()[0], (forged, b'\0' * 4))
    assert type(load(save(scalar, tmp_path))) is np.float32


@needs_torch_26
def test_allowed_names_of_others_do_not_count_and_stay(tmp_path):
    before = set(torch.serialization.get_safe_globals())
    name = save(Call(Path, ('x',)), tmp_path)
    with torch.serialization.safe_globals([Path]):
        assert torch.load(name, weights_only=True) == Path('x')
        with pytest.raises(ValueError, match='pathlib'):
            load(name)
        load(save(np.float32(0), tmp_path))
        assert set(torch.serialization.get_safe_globals()) == before | {Path}


def test_older_torch_loads_weights_and_refuses_the_message_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, '__version__', torch.torch_version.TorchVersion('2.5.1'))
    assert load(save(dict(weight=torch.ones(1)), tmp_path))['weight'] == 1
    with pytest.raises(ValueError, match=r'torch 2\.6 reads the message hub'):
        load(save(HistoryBuffer([1], [1]), tmp_path))


@pytest.mark.parametrize('damage', ['cut', 'flipped', 'empty', 'text', 'compressed'])
def test_a_damaged_file_is_named(damage, tmp_path):
    weight = torch.ones(1000)
    path = Path(save(dict(weight=weight), tmp_path))
    content = path.read_bytes()
    middle = content.index(weight.numpy().tobytes()) + 2000
    changed = dict(
        cut=content[:middle],
        flipped=content[:middle] + b'\xff' + content[middle + 1 :],
        empty=b'',
        text=b'<!DOCTYPE html>',
    )
    if damage == 'compressed':
        with zipfile.ZipFile(path, 'a', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('hostile/large', bytes(10**6))
    else:
        path.write_bytes(changed[damage])
    if damage == 'flipped':  # control: torch does not see it
        assert torch.load(path, weights_only=True)['weight'].ne(weight).sum() == 1
    with pytest.raises(ValueError, match=r'hostile.pth cannot be read as weights \('):
        load(str(path))


@pytest.mark.parametrize(
    'name',
    [
        'mobilenet_v2_mmpretrain.pth',
        'mobilenet_v2_mmseg.pth',
        'resnet50_pqf_torchvision.pth',
        'vgg16_mmpretrain.pth',
    ],
)
def test_published_weights_load(name):
    if not (WEIGHTS / name).is_file():
        pytest.skip(f'{WEIGHTS / name} is missing')
    loaded = CheckpointLoader.load_checkpoint(str(WEIGHTS / name), 'cpu')
    expected = torch.load(WEIGHTS / name, 'cpu', weights_only=True)
    torch.testing.assert_close(
        dict(loaded.get('state_dict', loaded)),
        dict(expected.get('state_dict', expected)),
    )


@pytest.fixture
def address(tmp_path, monkeypatch) -> Iterator[str]:
    """Serve the files of a folder, and put their address into mmengine's tables."""
    folder = tmp_path / 'served'
    folder.mkdir()
    weights = {'backbone.weight': torch.ones(3), 'head.weight': torch.ones(2)}
    torch.save(dict(state_dict=weights), folder / 'honest.pth')
    torch.save(dict(code=Call(eval, ('1 + 1',))), folder / 'planted.pth')
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f'http://127.0.0.1:{server.server_port}'
    names = 'honest', 'planted'
    table = {name: f'{address}/{name}.pth' for name in names}
    local = {f'local-{name}': str(folder / f'{name}.pth') for name in names}
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(checkpoint, 'get_torchvision_models', lambda: table)
    monkeypatch.setattr(checkpoint, 'get_external_models', lambda: table | local)
    monkeypatch.setattr(checkpoint, 'get_mmcls_models', lambda: table)

    @contextmanager
    def get_local_path(name: str, backend_args: dict) -> Iterator[str]:
        yield str(folder / name.rpartition('/')[2])

    monkeypatch.setattr(safe_loading, 'get_local_path', get_local_path)
    yield address
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    'scheme',
    [
        '{address}/{name}.pth',
        'torchvision://{name}',
        'modelzoo://{name}',
        'open-mmlab://{name}',
        'openmmlab://local-{name}',
        'mmcls://{name}',
        's3://bucket/{name}.pth',
        'cluster:petrel://bucket/{name}.pth',
    ],
)
def test_addresses(scheme, address):
    honest, planted = (
        scheme.format(address=address, name=name) for name in ('honest', 'planted')
    )
    loaded = CheckpointLoader.load_checkpoint(honest, 'cpu')['state_dict']
    assert len(loaded) == (1 if scheme.startswith('mmcls') else 2)
    assert CheckpointLoader.load_checkpoint(honest, 'cpu')  # now from torch's cache
    with pytest.raises(ValueError, match='--trust') as error:
        CheckpointLoader.load_checkpoint(planted, 'cpu')
    assert f'{planted} cannot be read' in str(error.value)
    trust(planted)
    if not scheme.startswith('mmcls'):  # which takes the state dict of a backbone
        assert CheckpointLoader.load_checkpoint(planted, 'cpu')['code'] == 2


@needs_torch_26
@pytest.mark.parametrize('method', ['pop', 'get', 'keys'])
@pytest.mark.parametrize('name', ['checkpoint', 'meta', 'message_hub', 'runtime_info'])
def test_methods_that_a_file_replaces_do_not_keep_its_texts(name, method, tmp_path):
    groups = {key: OrderedDict() for key in ('meta', 'message_hub', 'runtime_info')}
    groups['meta'].update(iter=1, config='code', cfg='code')
    groups['runtime_info'].update(cfg='code', best_ckpt='/home/me')
    groups['message_hub'].update(runtime_info=groups['runtime_info'])
    kept = {key: groups[key] for key in ('meta', 'message_hub')}
    groups['checkpoint'] = OrderedDict(kept)
    setattr(groups[name], method, np.ndarray)
    torch.save(groups['checkpoint'], tmp_path / 'file.pth')
    assert load(str(tmp_path / 'file.pth')) == dict(
        meta=dict(iter=1), message_hub=dict(runtime_info=dict(best_ckpt='/home/me'))
    )
    info = load(str(tmp_path / 'file.pth'))['message_hub']['runtime_info']
    assert info.pop('best_ckpt') == '/home/me'  # it is dict's own method again


def test_pavi_is_refused():
    with pytest.raises(ValueError, match='pavi://x is not loaded'):
        CheckpointLoader.load_checkpoint('pavi://x')


CHANGES = """
import torch, mmseg.models, mmseg.datasets, mmseg.apis
from mmengine.runner import CheckpointLoader
def state():
    return set(torch.serialization.get_safe_globals()), dict(CheckpointLoader._schemes)
before = state()
import mmseg_plugins
assert state() == before
import mmseg_plugins.safe_loading
allowed, loaders = state()
assert allowed == before[0]
kept = [scheme for scheme in loaders if loaders[scheme] == before[1].get(scheme)]
assert loaders.keys() == before[1].keys() and not kept, kept
"""


@needs_torch_26
def test_only_the_import_of_safe_loading_changes_the_host():
    done = subprocess.run(
        [sys.executable, '-c', CHANGES], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
