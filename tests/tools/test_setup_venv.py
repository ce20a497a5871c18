"""The installation behind make: each failure is a sentence that says how to fix it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.tools.tiny_training import ROOT

pytestmark = pytest.mark.one_line

FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *"-m pip"*) echo "$PIP_SAYS" && exit 1 ;;
esac
"""
WITHOUT_VENV = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\n'
FULL_DISK = '#!/bin/sh\nprintf "head\\nfs 100 90 10 90%% /\\n"\n'


def sentence_of(folder: Path, **variables: str) -> str:
    """Run the script in ``folder`` with these environment variables; it must fail."""
    done = subprocess.run(
        [ROOT / 'tools/setup_venv.sh', 'env', ROOT / 'constraints.txt', 'test'],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **variables},
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith('mmseg_plugins: ')
    assert not (folder / 'env/.installed').exists()
    return line


def executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ('script', 'words'),
    [
        (None, 'install Python 3.10'),
        ('#!/bin/sh\nexit 1\n', 'older than'),
        (WITHOUT_VENV, 'python3-venv'),
    ],
)
def test_an_unfit_python_is_named(tmp_path, script, words):
    python = executable(tmp_path / 'python', script) if script else 'python-of-nowhere'
    sentence = sentence_of(tmp_path, PYTHON=python)
    assert python in sentence
    assert words in sentence


def test_too_little_space_is_reported_first(tmp_path):
    executable(tmp_path / 'df', FULL_DISK)
    sentence = sentence_of(tmp_path, PATH=f'{tmp_path}:{os.environ["PATH"]}')
    assert '10 MiB free, but the environment needs 3000' in sentence
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
    sentence = sentence_of(tmp_path, PYTHON=python, PIP_SAYS=pip_says)
    for part in (words, 'run make again', 'env.log'):
        assert part in sentence
