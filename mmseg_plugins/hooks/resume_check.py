"""A hook that chooses the checkpoint to resume from, and checks it."""

from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import BaseLoop, FlexibleRunner, Runner

from mmseg_plugins.checkpoint_files import first_non_finite
from mmseg_plugins.registry import HOOKS
from mmseg_plugins.safe_unpickling import load


@HOOKS.register_module()
class ResumeCheckHook(Hook):
    """Resume from the newest good checkpoint, and never begin over an older run.

    mmengine resumes from the file that ``last_checkpoint`` names. Without that file it
    begins anew and overwrites the run; with a damaged checkpoint it stops, or goes on
    with damaged weights. With this hook, ``--resume`` takes the newest ``iter_*.pth``
    or ``epoch_*.pth`` of the run's folder that is whole (each record in the file has a
    checksum), has finite weights, and has all that a training needs. The log says why
    newer ones are left out.

    mmengine's ``FlexibleRunner`` loads before its hooks run. There, the file that
    ``last_checkpoint`` names is checked; another is chosen only if that is missing.

    To turn the hook off, leave it out of ``custom_hooks``.
    """

    def before_run(self, runner: Runner) -> None:
        """Choose a checkpoint before a training begins.

        Raises:
            ValueError: If a new training would begin in the folder of an older one, or
                if no checkpoint in it can be resumed.
        """
        if not isinstance(runner._train_loop, BaseLoop) or runner.iter > 0:
            return  # this is a validation or test, or the weights are loaded already
        choices = [('', '')]
        if is_main_process():
            try:
                choices = [_choose(runner)]
            except Exception as error:  # the other processes wait for an answer
                choices = [('', f'{type(error).__name__}: {error}')]
        broadcast_object_list(choices)
        path, problem = choices[0]
        if problem:
            raise ValueError(problem)
        if path:
            runner._load_from = path
            if isinstance(runner, FlexibleRunner):
                runner.load_or_resume()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check the checkpoint that a training resumes from.

        Paths in it are dropped if they are not in the run's folder: mmengine deletes
        what ``best_ckpt`` names as soon as there is a better checkpoint.

        Raises:
            ValueError: If its weights are not finite, or if a part is missing.
        """
        if not runner._resume or not isinstance(runner._train_loop, BaseLoop):
            return
        problem = _find_problem(checkpoint)
        if problem:
            raise ValueError(
                f'{runner._load_from or "The checkpoint"} cannot be resumed: '
                f'{problem}. Set load_from to another file. To begin a new training '
                'from finite weights, leave out --resume and choose another --work-dir'
            )
        info = checkpoint['message_hub'].get('runtime_info', {})
        folder = _checkpoint_folder(runner)
        for key in [key for key in info if not _is_allowed(key, info[key], folder)]:
            runner.logger.warning(
                f'{key}={info.pop(key)!r} of the checkpoint is ignored: mmengine could '
                f'delete files by it that are not in {folder}'
            )


def _choose(runner: Runner) -> tuple[str, str]:
    """Return the checkpoint to resume from and an error; each may be ''."""
    folder = _checkpoint_folder(runner)
    paths = [
        path
        for path in [*folder.glob('iter_*.pth'), *folder.glob('epoch_*.pth')]
        if _step(path).isdecimal()
    ]
    paths.sort(key=lambda path: int(_step(path)), reverse=True)
    if paths and not runner._resume:
        return '', (
            f'{folder} has checkpoints of an earlier training, {paths[0].name} is the '
            'newest; a new training would overwrite them. Continue it with --resume, '
            'choose another --work-dir, or delete them'
        )
    source = runner._load_from
    if source and _is_best_of(folder, Path(source)):
        source = None  # it has no optimizer; a test left its name in the config
    if source and paths and Path(source).parent.resolve() != folder.resolve():
        return '', (
            f'load_from={source!r} is not in {folder}, which has checkpoints of this '
            'run: set load_from=None to continue from the newest, or choose another '
            '--work-dir'
        )
    if source or not paths:
        return '', ''
    kind = 'epoch_' if getattr(_checkpoint_hook(runner), 'by_epoch', False) else 'iter_'
    paths = [path for path in paths if path.name.startswith(kind)] or paths
    problems: list[str] = []
    for path in paths:
        try:
            problem = _find_problem(load(str(path), 'cpu'))
        except (OSError, ValueError) as error:
            problem = str(error)
        if not problem:
            for line in problems:
                runner.logger.warning(line)
            runner.logger.info(
                f'Resuming from {path}, the newest checkpoint that is whole and has '
                'finite weights.'
            )
            return str(path), ''
        problems.append(f'{path.name} is left out: {problem}.')
    return '', (
        f'No checkpoint in {folder} can be resumed. {" ".join(problems)} Restore one '
        'from a copy, or begin a new training in another --work-dir'
    )


def _is_best_of(folder: Path, path: Path) -> bool:
    is_inside = path.parent.resolve() == folder.resolve()
    return is_inside and path.name.startswith('best_')


def _step(path: Path) -> str:
    return path.stem.partition('_')[2]


def _checkpoint_hook(runner: Runner) -> CheckpointHook | None:
    hooks = (hook for hook in runner.hooks if isinstance(hook, CheckpointHook))
    return next(hooks, None)


def _checkpoint_folder(runner: Runner) -> Path:
    """Return where CheckpointHook will write the checkpoints of this run."""
    hook, work_dir = _checkpoint_hook(runner), Path(runner.work_dir)
    if hook is None or hook.out_dir in (None, runner.work_dir):
        return work_dir
    return Path(hook.out_dir, work_dir.name)


def _find_problem(checkpoint: dict) -> str:
    """Return why a training cannot resume from this checkpoint, or ''."""
    if not isinstance(checkpoint, dict):
        return f'it is a {type(checkpoint).__name__}, not a dict'
    for part in ('state_dict', 'optimizer', 'message_hub', 'meta'):
        if not isinstance(checkpoint.get(part), dict):
            return f'it has no {part}'
    if not isinstance(checkpoint['meta'].get('iter'), int):
        return 'its meta has no iter'
    name = first_non_finite(checkpoint['state_dict'])
    return f'{name} has NaN or infinite values' if name else ''


def _is_allowed(key: str, value: Any, folder: Path) -> bool:
    """Return whether mmengine may delete what an entry of the message hub names."""
    if key == 'keep_ckpt_ids':
        is_list = isinstance(value, list) and all(type(step) is int for step in value)
        return is_list and value == sorted(value)  # mmengine deletes the first ones
    if key == 'last_ckpt':
        return Path(str(value)).parent.resolve() == folder.resolve()
    if str(key).startswith('best_ckpt'):
        return _is_best_of(folder, Path(str(value)))
    return True
