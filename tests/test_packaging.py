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
# mmseg comes from this environment, the package from the wheel.
HOST = os.pathsep.join([SITE_PACKAGES, os.environ.get('PYTHONPATH', '')])
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


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a checkout or of a source archive."""
    run(
        *(sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps'),
        *('--no-build-isolation', '-w', folder, source),
    )
    return next(folder.glob('mmseg_plugins-*.whl'))


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='module')
def installed(wheel, tmp_path_factory) -> Path:
    """Install the wheel and nothing else; return the folder of its programs."""
    folder = tmp_path_factory.mktemp('installed')
    run(sys.executable, '-m', 'venv', '--without-pip', folder)
    pip = (sys.executable, '-m', 'pip', '--python', folder / 'bin' / 'python')
    run(*pip, 'install', '-q', '--no-deps', '--no-index', wheel)
    return folder / 'bin'


def files_of(folder: Path) -> list[str]:
    """Return the files of a folder of the repository; caches are left out."""
    paths = [path for path in folder.rglob('*') if path.is_file()]
    caches = {'__pycache__', '.mypy_cache'}
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    return [name for name in names if not caches & set(name.split('/'))]


def test_wheel_holds_all_configs_and_tools_and_requires_torch_and_numpy_only(wheel):
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    assert set(files_of(ROOT / 'mmseg_plugins')) <= set(names)
    for folder in ('configs', 'tools'):
        packed = {f'mmseg_plugins/.mim/{name}' for name in files_of(ROOT / folder)}
        assert packed <= set(names)
    top = {name.split('/')[0].split('-')[0] for name in names}
    assert top == {'mmseg_plugins', 'mmseg_plugins_command.py'}
    metadata = archive.read(next(n for n in names if n.endswith('METADATA'))).decode()
    required = re.findall('^Requires-Dist: (.*)', metadata, re.M)
    always = [line.split('>')[0] for line in required if 'extra ==' not in line]
    assert sorted(always) == ['numpy', 'torch']


@pytest.mark.one_line
def test_a_source_archive_gives_the_same_wheel(wheel, tmp_path):
    hatchling = (sys.executable, '-m', 'hatchling', 'build', '-t', 'sdist')
    subprocess.run([*hatchling, '-d', tmp_path], cwd=ROOT, check=True)
    second = build_wheel(next(tmp_path.glob('*.tar.gz')), tmp_path)
    names, same_names = (zipfile.ZipFile(path).namelist() for path in (wheel, second))
    assert sorted(same_names) == sorted(names)


def test_an_installed_config_is_a_base_for_the_users(installed, tmp_path):
    user_config = tmp_path / 'user_config.py'
    user_config.write_text(f'_base_ = ["mmseg_plugins::{EXPERIMENT}"]\nown_value = 1\n')
    code = (
        'import mmseg_plugins; from mmengine.config import Config; '
        'from mmengine.hub import get_config; '
        f'cfg = Config.fromfile({str(user_config)!r}); '
        f'path = get_config("mmseg_plugins::{EXPERIMENT}").filename; '
        'print(cfg.own_value, cfg.model.decode_head.type, path)'
    )
    *_, last_line = run(installed / 'python', '-c', code, path=HOST).splitlines()
    own_value, head, path = last_line.split()
    assert (own_value, head) == ('1', 'mmseg_plugins.FCNSkipHead')
    assert path.startswith(str(installed.parent))


@pytest.mark.one_line
def test_an_installed_tool_explains_itself(installed):
    output = run(installed / 'mmseg-plugins', 'new', '--help', path=HOST)
    assert 'usage: mmseg-plugins new' in output


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
