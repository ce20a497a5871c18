"""Every code block of README and docs runs, or says why not.

The blocks of a page run in order: Python in one namespace, shell commands in a folder
with the links and photos below. A Python block that sets ``_base_`` is a config: it is
read, and its network is built. ``<!-- not run: reason -->`` before a block leaves it
out; the arguments of its tools and the names of its configs are checked all the same.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import networks
import numpy as np
import pytest
from PIL import Image

import mmseg_plugins_command
from mmseg_plugins.datasets.scenes import render_scene
from mmseg_plugins.datasets.synthetic import SyntheticSceneDataset
from tests.python_process import run_python

pytestmark = pytest.mark.one_line

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
COMMAND = 'from mmseg_plugins_command import main; main()'
REASON = r'(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?'
BLOCK = re.compile(
    rf'^{REASON}```(?P<language>\w*)\n(?P<code>.*?)^```$', re.MULTILINE | re.DOTALL
)


#: What the commands that do not run would find.
READERS_FILES = ('CONFIG', 'work_dirs/roads/roads.py', 'work_dirs/roads/iter_1.pth')


class Block(NamedTuple):
    """A fenced block of a page; ``reason`` says why it does not run."""

    where: str
    language: str
    code: str
    reason: str | None


class AcceptedError(Exception):
    """The parser of a tool accepted its arguments."""


def find_blocks(page: Path) -> list[Block]:
    text, blocks = page.read_text('utf-8'), []
    for match in BLOCK.finditer(text):
        line = text.count('\n', 0, match.start('code')) + 1
        parts = match.group('language', 'code', 'reason')
        blocks.append(Block(f'{page.name}, line {line}', *parts))
    return blocks


BLOCKS = {page.name: find_blocks(page) for page in PAGES}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the commands find: our folders, photos, masks and a picture of a street."""
    for name in ('configs', 'tools', 'docs', 'tests', 'mmseg_plugins'):
        (tmp_path / name).symlink_to(ROOT / name)
    palette = np.array(SyntheticSceneDataset.METAINFO['palette'], np.uint8)
    for name in ('photos', 'masks'):
        (tmp_path / name).mkdir()
    for seed in range(12):
        image, labels = render_scene(seed, (96, 128))
        Image.fromarray(image).save(tmp_path / f'photos/{seed}.jpg')
        mask = Image.fromarray(labels.astype(np.uint8))
        mask.putpalette(palette.tobytes())
        mask.save(tmp_path / f'masks/{seed}.png')
    Image.fromarray(image).save(tmp_path / 'street.png')
    for name in READERS_FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    scripts = str(Path(sys.executable).parent)
    monkeypatch.setenv('PATH', os.pathsep.join([scripts, os.environ['PATH']]))
    return tmp_path


def our_commands(code: str) -> Iterator[list[str]]:
    """Yield the words of each command mmseg-plugins in a shell block, without it."""
    for line in code.replace('\\\n', ' ').splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ['mmseg-plugins']:
            yield words[1:]


def run_shell(code: str) -> Iterator[subprocess.CompletedProcess[str]]:
    """Run a block; commands of ours without shell syntax need no new Python each."""
    lines = code.replace('\\\n', ' ').splitlines()
    ours = list(our_commands(code))
    if len(ours) == len(lines) and not re.search(r'[|<>&;$*]', code):
        for words in ours:
            yield run_python('-c', COMMAND, *words)
    else:
        bash = ['bash', '-euo', 'pipefail', '-c', code]
        yield subprocess.run(bash, capture_output=True, text=True)


def check_arguments(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if there is no such tool, or if its parser does not accept the arguments."""

    def stop_after(parse: Callable) -> Callable:
        def parse_and_stop(*args: object) -> None:
            parse(*args)
            raise AcceptedError

        return parse_and_stop

    for word in words:
        if re.fullmatch(r'\w+\.py', word):  # a config of the reader
            Path(word).touch()
    with monkeypatch.context() as patch:
        for name in ('parse_args', 'parse_intermixed_args'):
            parse = getattr(argparse.ArgumentParser, name)
            patch.setattr(argparse.ArgumentParser, name, stop_after(parse))
        patch.setattr(sys, 'argv', ['mmseg-plugins', *words])
        patch.setattr(sys, 'path', sys.path[:])
        patch.setitem(sys.modules, '__main__', sys.modules['__main__'])
        try:
            mmseg_plugins_command.main()
        except AcceptedError:
            pass
        except SystemExit as end:
            if end.code:
                pytest.fail(f'mmseg-plugins {" ".join(words)}: {end.code}')


@pytest.mark.parametrize('name', [name for name in BLOCKS if BLOCKS[name]])
def test_blocks_run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, object] = {}
    for where, language, code, reason in BLOCKS[name]:
        assert language in ('python', 'bash', 'text'), f'{where}: {language!r}'
        for config in re.findall(r'\bconfigs/[\w./-]+\.py', code):
            assert (ROOT / config).is_file(), f'{where}: {config}'
        if reason and language == 'bash':
            for words in our_commands(code):
                check_arguments(words, monkeypatch)
        if reason or language == 'text':
            continue
        if language == 'bash':
            for done in run_shell(code):
                assert done.returncode == 0, f'{where}: {done.stderr[-2000:]}'
        elif code.startswith('_base_'):
            (folder / 'config.py').write_text(code)
            cfg = networks.load_config('config.py')
            networks.build_segmentor(cfg)
            steps = cfg.train_dataloader.dataset.pipeline
            crops = {tuple(step.crop_size) for step in steps if 'crop_size' in step}
            assert crops <= {tuple(cfg.model.data_preprocessor.size)}, where
        else:
            exec(compile(code, where, 'exec'), namespace)
