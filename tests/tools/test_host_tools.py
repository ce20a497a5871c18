"""Tools that train and test, run as a user runs them, on a very small training."""

import sys
from pathlib import Path

import cv2
import pytest
from host_tool import run_host_tool
from mmengine.device import get_device
from mmseg.apis import MMSegInferencer, inference_model, init_model

from mmseg_plugins.datasets.scenes import render_scene
from tests.python_process import run_python
from tests.tools.tiny_training import CONFIG, OPTIONS, ROOT

pytestmark = pytest.mark.slow


def command(tool: str, *arguments: object, options: list[str] = OPTIONS) -> list[str]:
    start = [str(ROOT / 'tools' / tool), str(CONFIG)]
    return [*start, *map(str, arguments), '--cfg-options', *options]


def run(*args: object, **kwargs: list[str]) -> str:
    """Run a tool and return what it printed."""
    done = run_python(*command(*args, **kwargs))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """Train for 4 iterations and return the work folder."""
    work_dir = tmp_path_factory.mktemp('trained')
    run('train.py', '--work-dir', work_dir, options=[*OPTIONS, 'train_cfg.max_iters=4'])
    return work_dir


def test_test_py_evaluates_and_draws(trained, tmp_path):
    folders = ['--show-dir', tmp_path / 'drawn', '--out', tmp_path / 'out']
    options = [*OPTIONS, 'default_hooks.visualization.interval=1']
    arguments = [trained / 'iter_4.pth', '--work-dir', tmp_path, *folders]
    assert 'mIoU' in run('test.py', *arguments, options=options)
    assert len(list(tmp_path.rglob('drawn/**/*.png'))) == 3
    assert len(list((tmp_path / 'out').glob('*.png'))) == 3


def test_a_run_folder_stands_for_its_files(trained):
    """A test with options leaves the config of the training as it is."""
    config = (trained / CONFIG.name).read_text()
    done = run_python(ROOT / 'tools/test.py', trained, '--tta')
    assert 'mIoU' in done.stdout, done.stderr[-2000:]
    assert (trained / CONFIG.name).read_text() == config
    options = ['--cfg-options', 'train_cfg.max_iters=6', 'train_cfg.val_interval=6']
    done = run_python(ROOT / 'tools/train.py', trained, *options)
    assert 'resumed epoch: 0, iter: 4' in done.stdout, done.stderr[-2000:]
    assert (trained / 'iter_6.pth').is_file()
    assert len(list(trained.glob('best_mIoU_iter_*.pth'))) == 1


@pytest.mark.parametrize(
    ('tool', 'words', 'complaint'),
    [
        ('train.py', ['missing.py'], 'neither a config nor a run folder'),
        ('train.py', ['.'], 'has no config'),
        ('train.py', ['scenes'], 'a trained model of the package'),
        ('test.py', ['.', '--tta'], 'has no config'),
    ],
)
def test_a_folder_that_is_no_run(tool, words, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', [tool, *words])
    with pytest.raises(SystemExit, match=complaint):
        run_host_tool(tool)


def test_a_checkpoint_of_another_model_is_refused(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = [*OPTIONS, 'model.backbone.fc_channels=16']
    options[2] = 'model.decode_head.in_channels=[4,8,16,32,16]'
    start = command('test.py', trained / 'iter_4.pth', options=options)
    done = run_python(*start)
    last_line = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert 'iter_4.pth belongs to another model' in last_line
    assert 'backbone.fc6.conv.weight' in last_line
    assert 'Traceback' not in done.stderr


def test_inference_on_an_image_file(trained, tmp_path):
    file = str(tmp_path / 'street.png')
    cv2.imwrite(file, render_scene(7, (64, 96))[0])
    config = str(trained / CONFIG.name)
    checkpoint = str(trained / 'iter_4.pth')
    model = init_model(config, checkpoint, device='cpu')
    result = inference_model(model, file)
    assert result.pred_sem_seg.shape == (64, 96)
    inferencer = MMSegInferencer(config, checkpoint, device='cpu')
    assert inferencer(file)['predictions'].shape == (64, 96)


@pytest.mark.skipif(get_device() != 'cpu', reason='a launcher works with a GPU')
def test_a_launcher_without_gpus_ends_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run_python(*command('train.py', '--launcher', 'pytorch'))
    assert done.returncode == 1
    assert '--launcher pytorch: mmengine starts' in done.stderr.splitlines()[-1]


def test_get_flops():
    output = run('get_flops.py', '--shape', 64, 96, options=['randomness.seed=0'])
    assert 'Multiply-adds: 93.914M\nParameters: 1.413M' in output


def test_browse_dataset_draws_every_scene(tmp_path):
    options = [*OPTIONS, 'train_dataloader.dataset.num_scenes=3']
    run('browse_dataset.py', '--output-dir', tmp_path, '--not-show', options=options)
    pictures = [cv2.imread(str(path)) for path in sorted(tmp_path.glob('*.png'))]
    assert [picture.shape for picture in pictures] == [(64, 96, 3)] * 3
    assert (pictures[0] != pictures[1]).any()
