"""A checkpoint hook that loses no whole checkpoint, by a kill or by a full disk."""

import os
import shutil
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmseg_plugins.checkpoint_files import (
    UNFINISHED,
    DelayedRemovalBackend,
    WholeFileBackend,
    first_non_finite,
    write_whole_files,
)
from mmseg_plugins.registry import HOOKS
from mmseg_plugins.safe_unpickling import trust


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """Write and delete checkpoints so that a whole one is always left.

    Each file, ``last_checkpoint`` too, is written under a temporary name, flushed to
    the disk and renamed. An outdated checkpoint, or the previous best one, is deleted
    when the new one is whole: the disk needs room for one more. The newest checkpoint
    with finite weights is kept until there is a newer one; ``newest_finite`` is its
    path, or None as long as this process has saved none.

    Arguments, names and contents of files are those of mmengine's ``CheckpointHook``. A
    remote ``out_dir`` is written as its file backend does it. To turn the hook off, set
    ``default_hooks.checkpoint.type='CheckpointHook'``.
    """

    newest_finite: str | None = None
    is_finite = True  # whether the weights that were saved last are finite

    def before_train(self, runner: Runner) -> None:
        """Delete what a killed process left unfinished."""
        super().before_train(runner)
        if isinstance(self.file_backend, LocalBackend):
            self.file_backend: Any = DelayedRemovalBackend()
        if is_main_process():
            for path in Path(self.out_dir).glob(f'*{UNFINISHED}'):
                path.unlink()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check whether the weights are finite."""
        name = first_non_finite(checkpoint.get('state_dict', {}))
        self.is_finite = name is None
        if name:
            runner.logger.warning(
                f'{name} has NaN or infinite values. The newest checkpoint with finite '
                'weights is kept'
            )

    @write_whole_files()
    def after_train(self, runner: Runner) -> None:
        """Publish the last and the best checkpoint if ``published_keys`` is set."""
        if self.published_keys:  # mmengine loads them for it: keep their config
            for path in filter(None, [self.last_ckpt, *self._best_paths()]):
                trust(str(path))
        super().after_train(runner)

    @write_whole_files()
    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """Save a checkpoint, name it in ``last_checkpoint``, delete outdated ones."""
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts and is_main_process():
                oldest = self._path(self.keep_ckpt_ids[0])
                if self.file_backend.isfile(oldest):
                    self.file_backend.remove(oldest)
                elif self.file_backend.isdir(oldest):
                    self.file_backend.rmtree(oldest)
            self.keep_ckpt_ids.append(step)  # a full deque drops its first element
            runner.message_hub.update_info('keep_ckpt_ids', [*self.keep_ckpt_ids])
        self.last_ckpt = self._path(step)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            self.filename_tmpl.format(step),
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            name_file = Path(runner.work_dir, 'last_checkpoint')
            WholeFileBackend().put(self.last_ckpt.encode(), name_file)
            if self.is_finite:
                self.newest_finite = self.last_ckpt
            self._delete_outdated()

    @write_whole_files()
    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save the best checkpoint, then delete the previous one."""
        missing = set(self.save_best or ()) - {'auto', *metrics}
        if missing:  # mmengine would stop with a KeyError
            runner.logger.warning(
                f'No best checkpoint is kept: the validation has no {missing.pop()}, '
                f'but {", ".join(metrics)}. Set default_hooks.checkpoint.save_best to '
                'one of these, or to None'
            )
            return
        super()._save_best_checkpoint(runner, metrics)
        self._delete_outdated()

    def _delete_outdated(self) -> None:
        if self.newest_finite is None and not self.is_finite:
            return
        outdated = getattr(self.file_backend, 'paths', [])
        for path in set(outdated) - {self.newest_finite, *self._best_paths()}:
            if os.path.isdir(path):  # of DeepSpeed, or a sharded state dict
                shutil.rmtree(path)
            else:
                Path(path).unlink(missing_ok=True)
        outdated[:] = [path for path in outdated if path == self.newest_finite]

    def _best_paths(self) -> list[str | None]:
        paths = getattr(self, 'best_ckpt_path_dict', {}).values()
        return [getattr(self, 'best_ckpt_path', None), *paths]

    def _path(self, step: int) -> str:
        name = self.filename_tmpl.format(step)
        return str(self.file_backend.join_path(self.out_dir, name))
