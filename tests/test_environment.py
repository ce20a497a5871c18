import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from mmseg_plugins import environment

REPOSITORY = Path(__file__).resolve().parents[1]
CHECK_ENV = REPOSITORY / 'tools' / 'check_env.py'
ONEDL = {'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6'}
ONEDL |= {'onedl-mmsegmentation': '1.4.2', 'torch': '2.13.0+cpu'}
UPSTREAM = {'mmengine': '0.10.7', 'mmcv': '2.1.0'}
UPSTREAM |= {'mmsegmentation': '1.2.2', 'torch': '2.1.2'}


@pytest.fixture
def install(monkeypatch):
    """Pretend that these distributions are installed, and no other."""

    def pretend(versions, missing=()):
        def version(name):
            if name not in versions:
                raise metadata.PackageNotFoundError(name)
            return versions[name]

        monkeypatch.setattr(metadata, 'version', version)
        monkeypatch.setattr(environment, 'is_importable', lambda n: n not in missing)

    return pretend


@pytest.mark.parametrize('versions', [ONEDL, UPSTREAM, {}], ids=['onedl', 'up', 'path'])
def test_both_lines_and_source_checkouts_are_fine(install, versions):
    install(versions)
    assert environment.find_problems() == []


def test_missing_packages_come_from_the_line_in_use(install):
    install({}, missing=('torch', 'mmengine', 'mmcv', 'mmseg'))
    torch, host = environment.find_problems()
    assert (torch.fix, torch.fatal) == ('pip install torch', True)
    assert 'no mmengine, mmcv, mmseg can be found' in host.message
    assert (host.fix, host.fatal) == (environment.INSTALL_ONEDL, True)
    install({'mmsegmentation': '1.2.2', 'mmengine': '0.10.7'}, missing=('mmcv',))
    (finding,) = environment.find_problems()
    assert 'no mmcv can be found' in finding.message
    assert finding.fix == environment.INSTALL_UPSTREAM


@pytest.mark.parametrize(
    ('versions', 'line', 'extra'),
    [
        (ONEDL | {'mmengine': '0.10.7'}, 'ONEDL', ''),
        (UPSTREAM | {'mmcv-lite': '2.1.0'}, 'UPSTREAM', ''),
        (UPSTREAM | {'onedl-mmsegmentation': '1.4.2'}, 'ONEDL', ''),
        (
            ONEDL | {'onedl-mmpretrain': '1.3', 'mmpretrain': '1.2'},
            'ONEDL',
            " 'onedl-mmpretrain>=1.3'",
        ),
    ],
)
def test_two_owners_of_one_name(install, versions, line, extra):
    install(versions)
    (finding,) = environment.find_problems()
    assert not finding.fatal
    remove, _, command = finding.fix.partition(' && ')
    assert command == getattr(environment, f'INSTALL_{line}') + extra
    names = remove.removeprefix('pip uninstall -y ').split()
    assert sorted([*names, 'torch']) == sorted(versions)


def test_pip_forgets_a_host_whose_files_are_gone(install):
    install(ONEDL, missing=('mmseg',))
    (finding,) = environment.find_problems()
    assert finding.fix.startswith(
        'pip uninstall -y onedl-mmengine onedl-mmcv onedl-mms'
    )


@pytest.mark.parametrize(
    ('name', 'version'), [('mmsegmentation', '0.30.0'), ('torch', '2.0.1+cu118')]
)
def test_too_old(install, name, version):
    install(UPSTREAM | {name: version})
    (finding,) = environment.find_problems()
    assert f'{name} {version} is too old' in finding.message
    assert finding.fatal
    assert name in finding.fix


def test_check_host_raises_or_warns(install):
    install({}, missing=('mmseg',))
    with pytest.raises(RuntimeError, match=r'no mmseg can be found\. Fix: pip install'):
        environment.check_host()
    install(ONEDL | {'mmengine': '0.10.7'})
    with pytest.warns(UserWarning, match=r'both installed.* Fix: pip uninstall'):
        environment.check_host()


def test_commands_and_bounds_are_those_of_pyproject():
    pyproject = (REPOSITORY / 'pyproject.toml').read_text()
    assert f'"torch>={environment.MINIMUM["torch"]}"' in pyproject
    for command in (environment.INSTALL_ONEDL, environment.INSTALL_UPSTREAM):
        for requirement in command.removeprefix('pip install ').split():
            assert f'"{requirement.strip(chr(39))}"' in pyproject


@pytest.mark.parametrize(
    ('error', 'fix'),
    [
        ("ModuleNotFoundError: No module named 'mmcv._ext'", 'onedl-mmsegmentation'),
        ('RuntimeError: operator torchvision::nms does not exist', 'torchvision'),
        ('RuntimeError: Bad. Fix: pip frobnicate\nlast line', 'pip frobnicate'),
        ('Segmentation fault', 'mmsegmentation'),
        ('cv2: exit code -6', 'opencv-python'),
    ],
)
def test_fix_for_an_error(error, fix):
    assert fix in environment.fix_for(error)
    assert '\n' not in environment.fix_for(error)


def run(*command, path='', **kwargs):
    variables = {**os.environ, 'PYTHONPATH': str(path)}
    options = dict(capture_output=True, text=True, env=variables)
    return subprocess.run(command, **options, **kwargs)


def test_check_env_where_nothing_works(tmp_path):
    run(sys.executable, '-m', 'venv', '--without-pip', tmp_path, check=True)
    modules = tmp_path / 'modules'
    modules.mkdir()
    (modules / 'torchvision.py').write_text(
        'raise RuntimeError("operator torchvision::nms does not exist")'
    )
    (modules / 'cv2.py').write_text('import os; os.abort()')
    done = run(tmp_path / 'bin' / 'python', CHECK_ENV, path=modules, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, '')
    fixes = re.findall('Fix: (.*)', done.stdout)
    assert fixes[:2] == ['pip install torch', environment.INSTALL_ONEDL]
    assert fixes[-1].startswith('pip install -e .')
    assert len(fixes) == len(set(fixes))
    assert 'torchvision fails: RuntimeError: operator' in done.stdout
    assert 'pip uninstall -y torchvision' in done.stdout
    assert 'cv2 fails: exit code -' in done.stdout


@pytest.mark.slow
@pytest.mark.one_line
def test_check_env_finds_nothing_wrong_here(tmp_path):
    inherited = os.environ.get('PYTHONPATH', '').split(os.pathsep)
    path = os.pathsep.join([str(REPOSITORY), *map(os.path.abspath, inherited)])
    done = run(sys.executable, CHECK_ENV, path=path, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert 'Nothing is wrong' in done.stdout
    assert re.search(r'^mmseg_plugins: .* registers .*FCNSkipHead', done.stdout, re.M)
    assert re.search('^resume with weights_only: works', done.stdout, re.M)
