"""Train for many small iterations with all hooks; print memory, open files and times.

    python -m tests.faults.long_run --iterations 10000

Ends with exit code 1 if memory grew by more than 5 %, or the number of open files grew,
from a third of the run to its end. The host's history of log values grows a little with
each iteration: see --stock.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mmengine.runner import Runner

from tests.faults.small_run import PROTECTED, STOCK, make_config


class TimedRunner(Runner):
    """A Runner that measures the hooks of this package."""

    def __init__(self, **kwargs) -> None:
        self.seconds: Counter[str] = Counter()
        self.rows: list[tuple[float, int]] = []
        super().__init__(**kwargs)

    def call_hook(self, fn_name: str, **kwargs) -> None:
        """Call a method of all hooks."""
        for hook in self._hooks:
            if hasattr(hook, fn_name):
                start = time.perf_counter()
                getattr(hook, fn_name)(self, **kwargs)
                is_ours = type(hook).__module__.startswith('mmseg_plugins')
                name = type(hook).__name__ if is_ours else 'hooks of the host'
                self.seconds[name] += time.perf_counter() - start
        if fn_name == 'after_train_iter' and not self.iter % (self.max_iters // 12):
            self.report()

    def report(self) -> None:
        """Print and keep the memory and the number of open files (Linux only)."""
        status = Path('/proc/self/status').read_text()
        memory = int(status.split('VmRSS:')[1].split()[0]) / 1024
        files = len(os.listdir('/proc/self/fd'))
        self.rows.append((memory, files))
        print(f'{self.iter:6} {memory:8.1f} MiB {files:4} files', flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--iterations', type=int, default=10_000)
    parser.add_argument('--stock', action='store_true', help='only hooks of the host')
    args = parser.parse_args()
    iterations, variant = args.iterations, STOCK if args.stock else PROTECTED
    with tempfile.TemporaryDirectory() as folder:
        options = {
            'log_level': 'WARNING',
            'default_hooks.checkpoint.interval': iterations // 10,
            'default_hooks.checkpoint.max_keep_ckpts': 3,
            'default_hooks.logger.interval': 50,
            'model.data_preprocessor.size': (32, 32),
            'train_cfg.max_iters': iterations,
            'train_cfg.val_interval': iterations // 5,
            'train_dataloader.dataset.size': (32, 32),
        }
        runner = TimedRunner.from_cfg(make_config(Path(folder), variant, **options))
        start = time.perf_counter()
        runner.train()
        total = time.perf_counter() - start
    print(f'{total / iterations * 1000:8.3f} ms per iteration, of which')
    for name, seconds in runner.seconds.most_common():
        print(f'{seconds / iterations * 1000:8.3f} ms {name}')
    (memory, files), (last_memory, last_files) = runner.rows[4], runner.rows[-1]
    return int(last_memory > memory * 1.05 or last_files > files)


if __name__ == '__main__':
    sys.exit(main())
