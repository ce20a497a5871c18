"""A hook that checks all files of the data before the first iteration."""

from collections import Counter
from collections.abc import Iterator

from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmseg_plugins.datasets.file_checks import check_binary, check_files, find_warnings
from mmseg_plugins.datasets.folder import FolderDataset
from mmseg_plugins.hooks.num_class_check import segmentor_of
from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Check all images and masks of the training and validation data.

    These end the training before it begins: a file that cannot be decoded, an image
    that has not as many channels as ``mean`` has values, a mask of another size than
    its image, a label outside the classes, masks of 0 and 255 only, and an image that
    is in the training and in the validation. Warnings are given of such an image under
    two names, of classes that do not occur, and of masks that have no label in most
    pixels.

    Every :class:`FolderDataset` is checked, also inside mmengine's wrappers. What is
    read is kept in a cache, so that the next start takes no time.

    To turn the hook off, leave it out of ``custom_hooks``.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the data in the main process; raise ValueError in all processes."""
        problems = ['']
        if is_main_process():
            try:
                _check(runner)
            except ValueError as error:
                problems = [str(error)]
            except Exception as error:  # the other processes wait for an answer
                problems = [f'{type(error).__name__}: {error}']
        broadcast_object_list(problems)
        if problems[0]:
            raise ValueError(problems[0])


def _check(runner: Runner) -> None:
    digests: list[dict[str, str]] = [{}, {}]  # by path
    mean = getattr(segmentor_of(runner.model).data_preprocessor, 'mean', ())
    channels = len(mean) if len(mean) > 1 else None  # one value may serve several
    loops = dict(training=runner.train_loop, validation=runner.val_loop)
    for (name, loop), digest_of in zip(loops.items(), digests, strict=True):
        pixels: Counter = Counter()
        for dataset in _folder_datasets(loop.dataloader.dataset if loop else None):
            counts, digest_of_image = check_files(dataset, channels)
            pixels.update(counts)
            digest_of.update(digest_of_image)
        if pixels:
            if name == 'training':
                check_binary(pixels, dataset)
            for warning in find_warnings(pixels, dataset):
                runner.logger.warning(f'{name} data: {warning}')
    training, validation = digests
    same = [path for path in validation if path in training]
    if same:
        raise ValueError(
            f'{len(same)} images are in the training and in the validation data, the '
            f'first is {same[0]}: correct split or ann_file'
        )
    path_of = {digest: path for path, digest in training.items()}
    equal = [path for path, digest in validation.items() if digest in path_of]
    if equal:
        runner.logger.warning(
            f'{len(equal)} images of the validation data are in the training data, '
            f'too; the first: {equal[0]} is {path_of[validation[equal[0]]]}'
        )


def _folder_datasets(dataset: Dataset | None) -> Iterator[FolderDataset]:
    if isinstance(dataset, FolderDataset):
        yield dataset
    elif isinstance(dataset, ConcatDataset):
        for part in dataset.datasets:
            yield from _folder_datasets(part)
    elif isinstance(dataset, RepeatDataset | ClassBalancedDataset):
        yield from _folder_datasets(dataset.dataset)
