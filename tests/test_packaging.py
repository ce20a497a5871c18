"""The wheel, built and installed into an empty environment."""

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SITE_PACKAGES = sysconfig.get_paths()['purelib']
EXPERIMENT = 'fcn/fcn-2s_vgg13-slim_1xb8-400_scenes-192x256.py'
pytestmark = pytest.mark.slow


def run(*arguments: object, path: str = '') -> str:
    """Run a command away from the repository and return its output."""
    done = subprocess.run(
        list(map(str, arguments)),
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': path},
        cwd=Path(sys.prefix),
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    run(
        *(sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps'),
        *('--no-build-isolation', '-w', folder, ROOT),
    )
    return next(folder.glob('mmseg_plugins-*.whl'))


def test_wheel_holds_all_configs_and_tools_and_requires_torch_and_numpy_only(wheel):
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    for folder in ('configs', 'tools'):
        for path in (ROOT / folder).rglob('*.*'):
            if not {'__pycache__', '.mypy_cache'} & set(path.parts):
                name = path.relative_to(ROOT).as_posix()
                assert f'mmseg_plugins/.mim/{name}' in names
    assert not [n for n in names if n.startswith('tests')]
    assert not [n for n in names if n.endswith(('.pth', '.png'))]
    metadata = archive.read(next(n for n in names if n.endswith('METADATA'))).decode()
    required = re.findall('^Requires-Dist: (.*)', metadata, re.M)
    always = [line.split('>')[0] for line in required if 'extra ==' not in line]
    assert sorted(always) == ['numpy', 'torch']


def test_an_installed_config_is_a_base_for_the_users(wheel, tmp_path):
    run(sys.executable, '-m', 'venv', tmp_path / 'empty')
    python = tmp_path / 'empty' / 'bin' / 'python'
    run(python, '-m', 'pip', 'install', '-q', '--no-deps', '--no-index', wheel)
    user_config = tmp_path / 'user_config.py'
    user_config.write_text(f'_base_ = ["mmseg_plugins::{EXPERIMENT}"]\nown_value = 1\n')
    code = (
        'import mmseg_plugins; from mmengine.config import Config; '
        f'cfg = Config.fromfile({str(user_config)!r}); '
        'print(cfg.own_value, cfg.model.decode_head.type)'
    )
    # mmseg comes from this environment, the package from the wheel.
    host = os.pathsep.join([SITE_PACKAGES, os.environ.get('PYTHONPATH', '')])
    output = run(python, '-c', code, path=host)
    assert output.splitlines()[-1] == '1 mmseg_plugins.FCNSkipHead'


@pytest.mark.skipif(
    Path(sys.prefix) != ROOT / '.venv', reason='not in the environment that make makes'
)
def test_constraints_pin_the_whole_default_environment():
    frozen = run(sys.executable, '-m', 'pip', 'freeze', '--all')
    names, pinned = (
        {canonicalize_name(name) for name in re.findall(r'^([\w.-]+)==', text, re.M)}
        for text in (frozen, (ROOT / 'constraints.txt').read_text())
    )
    # A CUDA build of torch pins its own libraries.
    cuda = {n for n in names if n.startswith(('cuda-', 'nvidia-')) or n == 'triton'}
    assert 'torch' in names
    assert names - pinned - cuda <= {'pip', 'wheel', 'mmseg-plugins'}
