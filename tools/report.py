"""Make the report of a run folder: one page with all results, RUN/report.html.

python tools/report.py work_dirs/my_run
python tools/report.py work_dirs/my_run --test

A training writes the page at its end, and what the page needs after each validation.
With --test, or if the folder has no evaluation, the best checkpoint is tested first.
"""

import first_screen  # first: it keeps the screen free of the host's notes

# isort: split
import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner
from trust_argument import add_trust_argument

from mmseg_plugins.hooks import ReportHook
from mmseg_plugins.report.evaluation import report_folder
from mmseg_plugins.report.page import write_page
from mmseg_plugins.run_folder import (
    TEST_CONFIG,
    find_checkpoint,
    find_config,
    resolve_run,
)


def test(run: Path, work_dir: Path) -> None:
    """Test the best checkpoint of a run; ReportHook writes into ``work_dir``.

    Raises:
        ValueError: If the run has no config, no checkpoint or no test data, or if the
            hook could not write the report.
    """
    config, checkpoint = find_config(run), find_checkpoint(run)
    with tempfile.TemporaryDirectory() as folder:
        # mmengine writes it into work_dir: the config of the training stays as it is.
        cfg = Config.fromfile(shutil.copy(config, Path(folder, TEST_CONFIG)))
    if cfg.get('test_dataloader') is None:
        raise ValueError(f'the config in {run} has no test_dataloader: add one')
    cfg.update(
        load_from=str(checkpoint), resume=False, work_dir=str(work_dir), report=True
    )
    hooks = cfg.get('custom_hooks') or []
    if not any('ReportHook' in str(hook['type']) for hook in hooks):
        cfg.custom_hooks = [*hooks, dict(type='mmseg_plugins.ReportHook')]
    with first_screen.short_log():
        runner = Runner.from_cfg(cfg)
        runner.test()
    if not any(isinstance(hook, ReportHook) and hook.page for hook in runner.hooks):
        raise ValueError(f'{run} has no report: the reason is in the log above')


def main(argv: list[str] | None = None) -> None:
    """Run the command; a wrong argument ends in one sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('run', help='a folder that a training left')
    parser.add_argument(
        '--test', action='store_true', help='test the best checkpoint again'
    )
    parser.add_argument('--out', type=Path, help='page to write (RUN/report.html)')
    add_trust_argument(parser)
    args = parser.parse_args(argv)
    try:
        run = resolve_run(args.run)
        if run is None:
            raise ValueError(f'{args.run} is not a folder: give the folder of a run')
        work_dir = report_folder(args.run)
        if args.test or not (work_dir / 'report/evaluation.npz').is_file():
            test(run, work_dir)
        print(write_page(work_dir, args.out))
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
