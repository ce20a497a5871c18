"""Python processes that begin with the host imported, which takes seconds.

Each is a copy of one process that imported mmseg, and nothing of this package.
Tests of imports and of the first screen start a bare Python instead.
"""

import os
import runpy
import subprocess
import sys
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

CONTEXT = get_context('forkserver')
CONTEXT.set_forkserver_preload(
    ['mmseg.apis', 'matplotlib.figure', 'matplotlib.backends.backend_agg', 'jinja2']
)


def start_python(words: list[str], stdout: Path, stderr: Path) -> BaseProcess:
    """Start a file with its arguments, or ``'-c'`` and code, as ``python`` does."""
    process = CONTEXT.Process(
        target=_run, args=(words, os.getcwd(), dict(os.environ), [stdout, stderr])
    )
    process.start()
    return process


def run_python(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a file or code to its end; return what it printed."""
    words = [str(argument) for argument in arguments]
    with TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ('stdout', 'stderr')]
        process = start_python(words, *files)
        process.join(300)
        process.kill()
        process.join()
        texts = [file.read_text() for file in files]
    return subprocess.CompletedProcess(words, process.exitcode, *texts)


def _run(words: list[str], cwd: str, variables: dict, files: list[Path]) -> None:
    for descriptor, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.environ.update(variables)
    os.chdir(cwd)
    if words[0] == '-c':
        sys.argv = ['-c', *words[2:]]
        sys.path.insert(0, '')
        exec(compile(words[1], '<string>', 'exec'), {'__name__': '__main__'})
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).parent))
        runpy.run_path(words[0], run_name='__main__')
