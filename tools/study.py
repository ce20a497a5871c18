r"""Train configs with several seeds, and write one table of their results.

python tools/study.py CONFIG [CONFIG ...] --seeds 0 1 2 --seconds 300 --jobs 2 \
    --groups thin=Pole,SignSymbol small=Pedestrian,Bicyclist --out work_dirs/study

Each run is a process: it trains, and tests its last checkpoint on the test data. There
is no validation and no choice by the test data. The same command continues a study that
was stopped: finished runs are kept, others go on at their last checkpoint. The folder
gets table.md, table.json and, for two or more configs, chart.png and pictures.html.
"""

import first_screen  # first: it keeps the screen free of the host's notes

# isort: split
import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import bfloat16  # noqa: F401  registers the optimizer wrapper
import boundary_iou  # noqa: F401  registers the metric
import numpy as np
import torch
from compare import make_page
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.runner import Runner
from mmseg.registry import DATASETS
from networks import build_segmentor, find_test_dataset, load_config
from output_file import output_file
from study_table import MEASURES, RESULT, read_result, write_chart, write_tables

from mmseg_plugins.report.evaluation import Evaluation
from mmseg_plugins.run_folder import TEST_CONFIG

SETTINGS = 'settings.json'
LAST = 'last_checkpoint'  # mmengine's file with the name of the last checkpoint
REPORT = 'mmseg_plugins.ReportHook'
NEVER = 10**9  # an iteration that a training by the clock does not reach


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return what all runs of a study have in common."""
    options = {name: str(value) for name, value in sorted(args.cfg_options.items())}
    machine = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
    return dict(
        seconds=args.seconds,
        jobs=args.jobs,
        amp=args.amp,
        options=options,
        machine=f'{machine}, {torch.get_num_threads()} threads',
        torch=torch.__version__,
    )


def make_config(args: argparse.Namespace, path: str, seed: int, run: Path) -> Config:
    """Return the config of one run."""
    cfg = load_config(path)
    cfg.merge_from_dict(args.cfg_options)
    cfg.work_dir, cfg.experiment_name = str(run), run.name
    cfg.randomness = dict(cfg.get('randomness', {}), seed=seed)
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint.save_best = None
    cfg.resume = (run / LAST).is_file()
    cfg.custom_hooks = cfg.get('custom_hooks', [])
    if REPORT not in [hook['type'] for hook in cfg.custom_hooks]:  # as in mmseg's
        cfg.custom_hooks.append(dict(type=REPORT))
    cfg.report = True  # its numbers are those of the table
    if args.seconds:
        cfg.param_scheduler = []
        cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=NEVER)
        hook = dict(type='mmseg_plugins.TimedScheduleHook', seconds=args.seconds)
        cfg.custom_hooks.append(hook)
        cfg.log_processor = dict(cfg.get('log_processor', {}), by_epoch=False)
        if cfg.default_hooks.checkpoint.get('by_epoch', True):
            cfg.default_hooks.checkpoint.update(by_epoch=False, interval=500)
    if args.amp:
        cfg.optim_wrapper.type = 'Bfloat16OptimWrapper'
        for name in ('loss_scale', 'dtype', 'use_fp64'):  # of mmengine's own for AMP
            cfg.optim_wrapper.pop(name, None)
    return without_format(cfg, path)


def without_format(cfg: Config, name: str) -> Config:
    """Return a copy of a config; to format the text of one takes seconds."""
    return Config(cfg.to_dict(), ' ', name, format_python_code=False)


def train_and_test(args: argparse.Namespace, path: str, seed: int, run: Path) -> None:
    """Train and test one run; write its ``result.json``."""
    cfg = make_config(args, path, seed, run)
    with first_screen.short_log():
        runner = Runner.from_cfg(cfg)
        runner.train()
        # of all iterations, also of those before a resume
        seconds, _ = runner.message_hub.get_scalar('train/time').data
        iterations = runner.iter
        del runner  # and the processes of its loader
        # A runner of its own: EMAHook would begin anew in the one of the training.
        cfg = without_format(cfg, TEST_CONFIG)
        cfg.resume, cfg.load_from = False, (run / LAST).read_text()
        cfg.experiment_name += '_test'
        evaluators = cfg.test_evaluator
        evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
        cfg.test_evaluator = [*evaluators, dict(type='BoundaryIoU')]
        tester = Runner.from_cfg(cfg)
        metrics = tester.test()
    shape = tuple(tester.test_dataloader.dataset[0]['inputs'].shape)
    counts = get_model_complexity_info(
        build_segmentor(cfg).to(get_device()), shape, show_table=False, show_arch=False
    )
    evaluation = Evaluation.load(run)
    ious = dict(
        zip(evaluation.classes.tolist(), evaluation.iou().tolist(), strict=True)
    )
    result = {
        'config': Path(path).stem,
        'seed': seed,
        'mIoU': 100 * evaluation.miou(),
        'accuracy': 100 * evaluation.aacc(),
        'boundary IoU': 100 * metrics['boundary_iou'],
        'IoU': {name: 100 * value for name, value in ious.items()},
        'parameters': counts['params'],
        'multiply-adds': counts['flops'],
        'input': shape,
        'training s': float(seconds.sum()),
        'iterations': iterations,
        'settings': settings_of(args),
    }
    with output_file(run / RESULT) as file:
        file.write_text(json.dumps(result, indent=1))


def time_left(durations: list[float], starts: list[float], waiting: int, args) -> str:
    """Return how many minutes are left, from the mean of the finished runs."""
    mean = np.mean(durations) if durations else args.seconds
    if mean is None:
        return 'time left unknown until the first run has finished'
    work = sum(max(mean - time.monotonic() + start, 0) for start in starts)
    return f'about {(work + mean * waiting) / args.jobs / 60:.1f} min left'


def run_all(args: argparse.Namespace, runs: dict[Path, tuple[str, int]]) -> bool:
    """Run what has no result, ``args.jobs`` at once; return whether all succeeded."""
    waiting = [run for run in runs if not (run / RESULT).is_file()]
    running: dict[Path, tuple[subprocess.Popen, float]] = {}
    durations: list[float] = []
    num_failed, last_note = 0, -60.0
    try:
        while waiting or running:
            while waiting and len(running) < args.jobs:
                run = waiting.pop(0)
                run.mkdir(parents=True, exist_ok=True)
                (run / SETTINGS).write_text(json.dumps(settings_of(args)))
                command = [sys.executable, __file__, *args.words, '--only', run.name]
                with (run / 'screen.log').open('a') as log:
                    process = subprocess.Popen(command, stdout=log, stderr=log)
                running[run] = process, time.monotonic()
            time.sleep(0.2)
            finished = [run for run, (p, _) in running.items() if p.poll() is not None]
            for run in finished:
                process, start = running.pop(run)
                if process.returncode == 0:
                    durations.append(time.monotonic() - start)
                    result = read_result(run, args.groups)
                    values = [f'{m} {result[m]:.1f}' for m in (*MEASURES, *args.groups)]
                    took = f'{result["iterations"]} iterations'
                    print(f'{run.name}: {", ".join(values)}, {took}', flush=True)
                else:
                    num_failed += 1
                    last = (run / 'screen.log').read_text().strip().splitlines()[-1:]
                    print(
                        f'{run.name} failed, see {run}/screen.log: {last}', flush=True
                    )
                write_tables(args.out, runs, args)
            if running and (finished or time.monotonic() - last_note > 60):
                last_note = time.monotonic()
                starts = [start for _, start in running.values()]
                left = time_left(durations, starts, len(waiting), args)
                names = ', '.join(run.name for run in running)
                done = len(runs) - len(waiting) - len(running)
                print(f'{done} of {len(runs)} done, {left}; now: {names}', flush=True)
    finally:
        for process, _ in running.values():
            process.terminate()
    return num_failed == 0


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add('configs', nargs='+', metavar='CONFIG')
    add('--seeds', type=int, nargs='+', default=[0])
    add('--seconds', type=float, help='time of a training, instead of its iterations')
    add('--jobs', type=int, default=1, help='runs at once')
    add('--amp', action='store_true', help='train in bfloat16')
    add('--groups', nargs='+', default=[], metavar='NAME=CLASS,CLASS')
    add('--out', type=Path, default=Path('work_dirs/study'))
    add('--cfg-options', nargs='+', action=DictAction, default={})
    add('--only', help=argparse.SUPPRESS)  # the name of the run of this process
    args = parser.parse_args(argv)
    args.words = argv
    if not all('=' in group for group in args.groups):
        parser.error(f'--groups {" ".join(args.groups)}: give NAME=CLASS,CLASS')
    args.groups = dict(group.split('=', 1) for group in args.groups)
    if args.jobs < 1:
        parser.error(f'--jobs {args.jobs}: must be at least 1')
    return args


def check(args: argparse.Namespace, runs: dict[Path, tuple[str, int]]) -> None:
    """Find mistakes before the first training.

    Raises:
        ValueError: If a config or class does not exist, two configs have one name, or a
            run had other settings.
    """
    if len(runs) < len(args.configs) * len(args.seeds):
        raise ValueError('two configs have one name, or a seed is given twice')
    for path in args.configs:
        cfg = load_config(path)
        cfg.merge_from_dict(args.cfg_options)
        dataset = find_test_dataset(cfg)
        info = {**DATASETS.get(dataset.type).METAINFO, **dataset.get('metainfo', {})}
        classes = info.get('classes', ())
        for name in ','.join(args.groups.values()).split(',') if args.groups else ():
            if classes and name not in classes:
                raise ValueError(f'--groups: {name} is no class of {path}: {classes}')
    settings = settings_of(args)
    for run in runs:
        is_begun = any((run / name).is_file() for name in (RESULT, LAST))
        file = run / SETTINGS
        if is_begun and file.is_file() and json.loads(file.read_text()) != settings:
            raise ValueError(
                f'{run} was made with other settings or on another machine: give '
                'another --out, or delete that folder'
            )


def main(argv: list[str] | None = None) -> None:
    """Run a study; exit with 1 if a run failed."""
    args = parse(sys.argv[1:] if argv is None else argv)
    runs = {
        args.out / f'{Path(path).stem}_seed{seed}': (path, seed)
        for seed in args.seeds
        for path in args.configs
    }
    try:
        if args.only:
            run = args.out / args.only
            train_and_test(args, *runs[run], run)
            return
        check(args, runs)
    except ValueError as error:
        sys.exit(str(error))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # it ends the runs, too
    succeeded = run_all(args, runs)
    print(write_tables(args.out, runs, args))
    folders = [str(run) for run in runs if (run / RESULT).is_file()]
    first = folders[: len(args.configs)]  # of the first seed
    if len(first) > 1:
        results = json.loads((args.out / 'table.json').read_text())
        write_chart(args.out / 'chart.png', results)
        try:
            with output_file(args.out / 'pictures.html') as file:
                file.write_text(make_page(first), encoding='utf-8')
        except ValueError as error:  # the configs have different data, for example
            print(f'No pictures.html: {error}')
    sys.exit(int(not succeeded))


if __name__ == '__main__':
    main()
