"""Break copies of the environments as users do, and follow the printed fixes.

It runs in a cell of its own, ``make test-broken-env``, because it needs pip's package
index. A copy is made of hard links: pip deletes a file before it writes another.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK_ENV = 'python tools/check_env.py'
IMPORT = 'python -c "import mmseg_plugins"'
HEADLESS = 'opencv-python-headless'
TOOL = 'python tools/browse_dataset.py --help'


class Copy:
    """A copy of an environment, in which a shell finds its ``python`` and ``pip``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = os.environ | {'PATH': f'{folder}/bin:{os.environ["PATH"]}'}
        self.variables |= {'PIP_NO_COMPILE': '1', 'PIP_DISABLE_PIP_VERSION_CHECK': '1'}
        for name in ('PYTHONPATH', 'XDG_CACHE_HOME'):  # modules and pip's files
            self.variables.pop(name, None)
        for pip in folder.glob('bin/pip*'):
            pip.unlink()  # it names the python of the original
        pip = folder / 'bin/pip'
        pip.write_text(f'#!/bin/sh\nexec {folder}/bin/python -m pip "$@"\n')
        pip.chmod(0o755)

    def run(self, command: str) -> tuple[int, str]:
        """Run a shell command in the repository; return exit code and output."""
        done = subprocess.run(
            command,
            shell=True,
            cwd=ROOT,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout


@pytest.fixture
def copy_of(request) -> Iterator:
    folder = ROOT / '.venv-broken' / re.sub(r'\W+', '_', request.node.name)
    shutil.rmtree(folder, ignore_errors=True)

    def copy(name: str) -> Copy:
        folder.parent.mkdir(exist_ok=True)
        subprocess.run(['cp', '-al', ROOT / name, folder], check=True)
        return Copy(folder)

    yield copy
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ('environment', 'damage', 'question'),
    [
        # What the hosts' own messages ask for.
        ('.venv', 'pip install mmsegmentation mmengine mmcv-lite', CHECK_ENV),
        (
            '.venv',
            'pip install mmsegmentation && pip uninstall -y mmsegmentation',
            IMPORT,
        ),
        ('.venv-upstream', 'true', IMPORT),  # mmcv-lite has no operators
        ('.venv', 'pip uninstall -y onedl-mmcv', IMPORT),
        # OpenCV's two distributions own one module, too.
        (
            '.venv',
            f'pip install {HEADLESS} && pip uninstall -y {HEADLESS}',
            IMPORT,
        ),
        ('.venv', 'pip uninstall -y mmseg-plugins', TOOL),
    ],
    ids=['upstream', 'removed', 'lite', 'mmcv', 'opencv', 'plugins'],
)
def test_printed_fixes_repair(copy_of, environment, damage, question):
    copy = copy_of(environment)
    code, output = copy.run(damage)
    assert code == 0, output
    code, output = copy.run(question)
    # check_env prints the errors of imports, too, with the fix at their end.
    start = '^   ' if question == CHECK_ENV else ''
    fixes = re.findall(start + 'Fix: (.*)', output, re.MULTILINE)
    assert code == 1, output
    assert fixes, output
    for fix in fixes:
        code, text = copy.run(fix)
        assert code == 0, text
    code, output = copy.run(question)
    assert (code, 'Fix: ' in output) == (0, False), output
