"""What a user sees before the first iteration, and what the log file has."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.tiny_training import CONFIG, OPTIONS, ROOT

pytestmark = pytest.mark.slow


def run(tool: str, *arguments: object, options: list[str] = OPTIONS) -> str:
    command = [sys.executable, ROOT / 'tools' / tool, *arguments]
    done = subprocess.run(
        [*map(str, command), '--cfg-options', *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> tuple[Path, str]:
    work_dir = tmp_path_factory.mktemp('run')
    options = [*OPTIONS, 'train_cfg.max_iters=2', 'default_hooks.checkpoint.interval=2']
    return work_dir, run('train.py', CONFIG, '--work-dir', work_dir, options=options)


def test_a_training_begins_with_a_summary(trained):
    work_dir, output = trained
    screen = output.partition('Iter(train)')[0].splitlines()
    assert len(screen) < 15, output
    summary = '\n'.join(screen)
    for line in (
        r'Data:     4000 training images and 3 validation images \(SyntheticSceneDat',
        r'Classes:  12: road, sidewalk, .*, \.\.\.',
        r'Network:  FCNVGG \+ FCNSkipHead, 0\.\d\d M parameters',
        r'Schedule: 2 iterations, batch size 2, AdamW, learning rate 0\.006, ',
        f'Results:  {work_dir} ',
    ):
        assert re.search(f'^{line}', summary, re.MULTILINE), line
    log = next(work_dir.glob('*/*.log')).read_text()
    for text in ('System environment:', 'Config:\n', 'Hooks will be', 'Results: '):
        assert text in log


def test_a_test_begins_with_a_summary(trained, tmp_path):
    weights = trained[0] / 'iter_2.pth'
    output = run('test.py', CONFIG, weights, '--work-dir', tmp_path)
    screen, _, rest = output.partition('per class results')
    assert len(screen.splitlines()) < 15, output
    assert 'Data:     3 test images' in screen
    assert f'Weights:  {weights}' in screen
    assert 'mIoU' in rest
