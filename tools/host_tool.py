"""Run a tool of the installed mmseg with mmseg_plugins registered."""

import first_screen  # first: it keeps the screen free of the host's notes

# isort: split
import argparse
import os
import runpy
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

import mmseg
from mmengine.device import get_device
from torch import distributed
from trust_argument import add_trust_argument

import mmseg_plugins
from mmseg_plugins.report.evaluation import report_folder
from mmseg_plugins.run_folder import (
    TEST_CONFIG,
    TRAINED,
    find_checkpoint,
    find_config,
    resolve_run,
)


def run_host_tool(name: str) -> None:
    """Run a file of mmseg's folder ``tools`` with the arguments of this process.

    The first argument may be a run folder: ``train.py RUN`` continues the training in
    it, ``test.py RUN`` tests its best checkpoint. Options may follow.

    Raises:
        SystemExit: If the first argument is not an option and no file or run folder,
            if mmseg has no such tool, if mmengine cannot use the launcher, or if a
            check of mmseg_plugins finds wrong data or settings.
    """
    _trust_checkpoints()
    with tempfile.TemporaryDirectory() as folder:
        _replace_run_folder(name, Path(folder))
        try:
            _run(name)
        except (OSError, ValueError) as error:
            if _is_ours(error):
                sys.exit(f'\n{error}')  # a sentence on wrong data or settings
            raise


def _is_ours(error: Exception) -> bool:
    """Return whether a line of mmseg_plugins raised an error."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    package = Path(mmseg_plugins.__file__).parent
    return Path(frame.f_code.co_filename).is_relative_to(package)


def _run(name: str) -> None:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--launcher', default='none')
    launcher = parser.parse_known_args()[0].launcher
    if launcher != 'none' and get_device() == 'cpu':
        _start_on_cpu(launcher)
    package = Path(mmseg.__path__[0])
    # A wheel has its tools inside the package, a source checkout beside it.
    for tools in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (tools / name).is_file():
            with first_screen.short_log():
                runpy.run_path(str(tools / name), run_name='__main__')
            return
    sys.exit(
        f'mmseg in {package} has no tools/{name}: install mmseg as a wheel, or put its '
        'source checkout on PYTHONPATH'
    )


def _replace_run_folder(tool: str, folder: Path) -> None:
    """Put what mmseg's tool takes in place of a run folder in sys.argv.

    A test must not overwrite the config of the training, as mmengine would do with a
    config of the same name, so it reads a copy in ``folder``.
    """
    word = sys.argv[1] if len(sys.argv) > 1 else '--help'
    run = resolve_run(word)
    try:
        if run is None and not word.startswith('-') and not Path(word).is_file():
            raise ValueError(
                f'{word} is neither a config nor a run folder (working folder: '
                f'{Path.cwd()}): correct the path'
            )
        if run is None:
            return
        config = find_config(run)
        if tool == 'test.py':
            work_dir = report_folder(word)
            copy = shutil.copy(config, folder / TEST_CONFIG)
            words = [copy, find_checkpoint(run), '--work-dir', work_dir]
        elif word in TRAINED:
            raise ValueError(
                f'{word} is a trained model of the package: give the config of a new '
                'training, or the folder of your own run'
            )
        else:
            words = [config, '--work-dir', run, '--resume']
    except ValueError as error:
        sys.exit(str(error))
    sys.argv[1:2] = map(str, words)


def _trust_checkpoints() -> None:
    """Take our argument out of sys.argv, because mmseg's parser does not know it."""
    parser = argparse.ArgumentParser(
        usage=argparse.SUPPRESS, add_help=False, allow_abbrev=False
    )
    add_trust_argument(parser.add_argument_group('option of mmseg_plugins'))
    sys.argv[1:] = parser.parse_known_args()[1]
    if {'-h', '--help'} & set(sys.argv):
        parser.print_help()  # and then mmseg's parser prints its own


def _start_on_cpu(launcher: str) -> None:
    """Start the process group of dist_train.sh, which a Runner then uses.

    Raises:
        SystemExit: If torchrun did not start this process.
    """
    if launcher != 'pytorch' or 'RANK' not in os.environ:
        sys.exit(
            f'--launcher {launcher}: mmengine starts several processes on GPUs only, '
            'and finds no GPU here; leave the launcher out, or use tools/dist_train.sh '
            'with --cfg-options model_wrapper_cfg.device_ids=None'
        )
    print('No GPU is found: the processes meet over gloo.')
    distributed.init_process_group('gloo')
