"""A hook that writes report.html after a training and after a test."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.nn.parallel import DistributedDataParallel

from mmseg_plugins.datasets.multi_channel import LoadMultiChannelImage, find_loader
from mmseg_plugins.hooks.num_class_check import segmentor_of
from mmseg_plugins.registry import HOOKS
from mmseg_plugins.report.collection import (
    Collector,
    choose,
    evaluation_of,
    read_image,
    save_network_pictures,
    save_results,
)
from mmseg_plugins.report.network_pictures import network_pictures
from mmseg_plugins.report.page import write_page
from mmseg_plugins.report.summary import summary_of


@HOOKS.register_module()
class ReportHook(Hook):
    """Write ``report.html`` into the run folder after a training and after a test.

    The hook counts the pixels of each image during validation and test. After each
    validation it writes ``RUN/report/``, so that ``mmseg-plugins report RUN`` can make
    the page of a training that was interrupted. The page shows the last validation, or
    the test. Data without labels or class names, or with over 255 classes, have no
    report.

    A report never ends a run: an error is logged in one sentence, and the page is left
    out.

    To turn the hook off, set ``report = False`` in the config.
    """

    # After all others: the checkpoint is saved and the metrics are logged.
    priority = 'LOWEST'
    page: Path | None = None  # the page that was written last
    is_active = False  # the same in all processes of a distributed run
    collector: Collector | None = None  # None after an error, and between evaluations
    first_image: str | None = None  # path; None without results to show
    load: LoadMultiChannelImage | None = None  # None if OpenCV reads the images

    def before_run(self, runner: Runner) -> None:
        """Note the time."""
        self.start = time.time()

    def _before_epoch(self, runner: Runner, mode: str = 'train') -> None:
        """Begin to count in a validation or test."""
        if mode == 'train':
            return
        loop = runner.val_loop if mode == 'val' else runner.test_loop
        dataset = loop.dataloader.dataset
        self.meta: Mapping[str, Any] = getattr(dataset, 'metainfo', {})
        num_classes = len(self.meta.get('classes') or ())
        self.is_active = runner.cfg.get('report', True) and 0 < num_classes < 256
        self.collector = self.first_image = None
        if self.is_active:
            self.load = find_loader(dataset)
            metrics = getattr(loop.evaluator, 'metrics', [])
            ignored = (getattr(metric, 'ignore_index', None) for metric in metrics)
            ignore_index = next((i for i in ignored if i is not None), 255)
            self.collector = Collector(num_classes, ignore_index, len(dataset))

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
        mode: str = 'train',
    ) -> None:
        """Count the pixels of a batch of a validation or test."""
        if mode == 'train' or self.collector is None:
            return
        with self._errors_are_logged(runner, 'report.html is left out'):
            for sample in outputs or ():
                if 'pred_sem_seg' in sample and 'gt_sem_seg' in sample:
                    maps = (sample.pred_sem_seg.data[0], sample.gt_sem_seg.data[0])
                    self.collector.add(sample.img_path, *maps)

    def _after_epoch(self, runner: Runner, mode: str = 'train') -> None:
        """Write ``RUN/report/`` after a validation or test."""
        if mode == 'train' or not self.is_active:
            return
        collector, self.collector = self.collector, None
        with self._errors_are_logged(runner, 'report.html is left out'):
            results = all_gather_object(collector and collector.result())
            if collector is None or not is_main_process() or not all(results):
                return
            records = [record for result in results for record in result[0]]
            confusion = np.sum([result[1] for result in results], axis=0)
            if not any(record.counts.any() for record in records):
                runner.logger.info('No report: the images have no labels')
                return
            seconds = time.time() - self.start
            save_results(
                Path(runner.work_dir) / 'report',
                evaluation_of(records, confusion, self.meta),
                choose(records, collector.num_images),
                summary_of(runner, segmentor_of(runner.model), mode, seconds),
                self.load.picture if self.load else read_image,
            )
            self.first_image = records[0].path

    def after_train(self, runner: Runner) -> None:
        """Write the page of the last validation."""
        self._write_page(runner)

    def after_test(self, runner: Runner) -> None:
        """Write the page of the test."""
        self._write_page(runner)

    def _write_page(self, runner: Runner) -> None:
        if not self.is_active and runner.cfg.get('report', True):
            reason = 'no validation, or data without class names'
            runner.logger.info(f'No report: the run has {reason}')
        if self.first_image is None:  # another process, an error, or no labels
            return
        with self._errors_are_logged(runner, "The network's pictures are left out"):
            path, picture = self.first_image, None
            if self.load is None:
                image = read_image(path)
            else:
                image = self.load.read(path)
                picture = self.load.draw(image)
            is_whole = not is_model_wrapper(runner.model) or isinstance(
                runner.model, DistributedDataParallel
            )  # else its weights are spread over several processes
            if is_whole and image is not None:
                model = segmentor_of(runner.model)
                pictures = network_pictures(model, image, self.meta, picture)
                save_network_pictures(Path(runner.work_dir) / 'report', pictures)
        with self._errors_are_logged(runner, 'report.html is left out'):
            self.page = write_page(runner.work_dir)
            runner.logger.info(f'Report: {self.page}')

    @contextmanager
    def _errors_are_logged(self, runner: Runner, consequence: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of any kind: the run is worth more than a report
            self.collector = None
            runner.logger.error(
                f'{consequence}: {type(error).__name__}: {error}. The results of the '
                'run are not affected. Remove the cause, then run: '
                f'mmseg-plugins report {runner.work_dir} --test'
            )
