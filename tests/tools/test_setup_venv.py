"""The installation behind make: each failure ends in a sentence that tells the mend."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *"-m pip"*) echo "$PIP_SAYS" && exit 1 ;;
esac
"""


def install(folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """Run the script in ``folder`` with changed environment variables."""
    return subprocess.run(
        [ROOT / 'tools' / 'setup_venv.sh', 'env', ROOT / 'constraints.txt', 'test'],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **variables},
    )


def executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def assert_one_sentence(done: subprocess.CompletedProcess, *words: str) -> None:
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith('mmseg_plugins: ')
    for word in words:
        assert word in line


def test_a_missing_python_is_named(tmp_path):
    done = install(tmp_path, PYTHON='python-of-nowhere')
    assert_one_sentence(done, 'python-of-nowhere', 'install Python 3.10')


def test_an_old_python_is_named(tmp_path):
    python = executable(tmp_path / 'python2', '#!/bin/sh\nexit 1\n')
    assert_one_sentence(install(tmp_path, PYTHON=python), python, 'older than')


def test_a_python_without_venv_is_named(tmp_path):
    script = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\n'
    python = executable(tmp_path / 'python', script)
    assert_one_sentence(install(tmp_path, PYTHON=python), 'python3-venv')


def test_too_little_disk_is_told_beforehand(tmp_path):
    df = '#!/bin/sh\nprintf "head\\nfs 100 90 10 90%% /\\n"\n'
    executable(tmp_path / 'df', df)
    done = install(tmp_path, PATH=f'{tmp_path}:{os.environ["PATH"]}')
    assert_one_sentence(done, '10 MiB free', 'needs 3000')
    assert not (tmp_path / 'env').exists()


@pytest.mark.parametrize(
    ('pip_says', 'words'),
    [
        ('OSError: [Errno 28] No space left on device', 'the disk is full'),
        ("WARNING: Retrying after connection broken by 'x'", 'no network'),
        ('WARNING: Temporary failure in name resolution', 'no network'),
        ('ERROR: No matching distribution (from versions: none)', 'no packages for'),
        ('ERROR: Cannot install a==1\nERROR: ResolutionImpossible', 'install a==1'),
    ],
)
def test_a_failure_of_pip_is_explained(pip_says, words, tmp_path):
    python = executable(tmp_path / 'python', FAKE_PYTHON)
    done = install(tmp_path, PYTHON=python, PIP_SAYS=pip_says)
    assert_one_sentence(done, words, 'run make again', 'env.log')
    assert not (tmp_path / 'env' / '.installed').exists()


@pytest.mark.slow
def test_a_closed_network_is_told(tmp_path):
    (tmp_path / 'pyproject.toml').write_text((ROOT / 'pyproject.toml').read_text())
    done = install(
        tmp_path,
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL='http://127.0.0.1:9/simple',
        PIP_FIND_LINKS='',
        PIP_RETRIES='0',
    )
    assert_one_sentence(done, 'no network')
