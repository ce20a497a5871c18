"""A hook that checks which classes occur in the training images."""

from collections.abc import Sized

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_plugins.registry import HOOKS

from .num_class_check import decode_heads


@HOOKS.register_module()
class UnseenClassCheckHook(Hook):
    """Warn of classes that do not occur in the first training images.

    mIoU leaves out a class that occurs nowhere: it is 100 if one of two is missing. So
    training stops if all counted images together have fewer than two classes.

    Labels are counted on the CPU. The hook reports when the count is complete, and
    before an earlier validation. In distributed training each process counts its own
    images. To turn the hook off, leave it out of ``custom_hooks``.

    Args:
        num_images: Images to count; by default as many as the dataset has, at most 300.
    """

    def __init__(self, num_images: int | None = None) -> None:
        if num_images is not None and num_images < 1:
            raise ValueError(f'num_images={num_images}: must be at least 1')
        self.num_images, self.is_counting = num_images, False

    def before_train(self, runner: Runner) -> None:
        """Start to count, if the training dataset has class names."""
        dataset = runner.train_loop.dataloader.dataset
        metainfo = getattr(dataset, 'metainfo', {})
        self.classes = list(metainfo.get('classes') or ())
        self.is_counting = bool(self.classes)
        self.reduces_zero = metainfo.get('reduce_zero_label')
        heads = decode_heads(runner.model).values()
        self.ignore_index = next((head.ignore_index for head in heads), 255)
        size = len(dataset) if isinstance(dataset, Sized) else 300
        self.num_required = self.num_images or min(size, 300)
        # Pixels with a label below 0, of each class, and with a label above.
        self.pixels = torch.zeros(len(self.classes) + 2, dtype=torch.long)
        self.num_counted = 0

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Count the labels of a batch; raise a ValueError if that ends the count."""
        if not self.is_counting or not isinstance(data_batch, dict):
            return
        for sample in data_batch.get('data_samples') or ():
            if 'gt_sem_seg' in sample:
                labels = sample.gt_sem_seg.data.cpu().flatten().long()
                columns = labels.clamp(-1, len(self.classes)) + 1
                self.pixels += torch.bincount(columns, minlength=len(self.pixels))
                self.num_counted += 1
        if self.num_counted >= self.num_required:
            self.is_counting = False
            self._report(runner, is_complete=True)

    def before_val(self, runner: Runner) -> None:
        """Warn of the classes that were not seen so far."""
        if self.is_counting and self.num_counted:
            self._report(runner, is_complete=False)

    def _report(self, runner: Runner, is_complete: bool) -> None:
        pixels = dict(enumerate(self.pixels[1:-1].tolist()))
        pixels.pop(self.ignore_index, None)
        unseen = [label for label, count in pixels.items() if not count]
        if not unseen:
            return
        names = [f'{self.classes[label]!r} (label {label})' for label in unseen]
        share, ignored = 1 - sum(pixels.values()) / self.pixels.sum(), self.ignore_index
        fix = f'If label {ignored} of the masks is a class, save it as {unseen[0]}'
        if self.reduces_zero:
            fix = 'If label 0 is a class, set reduce_zero_label=False'
        text = (
            f'{self.num_counted} training images have no pixel of '
            f'{", ".join(names[:10] + ["..."] * (len(names) > 10))}; {share:.1%} of '
            f'their pixels are ignored (label {ignored}). {fix}. If classes are rare, '
            'set a larger num_images in UnseenClassCheckHook'
        )
        if is_complete and len(pixels) - len(unseen) < 2:
            raise ValueError(f'Fewer than two classes to learn: {text}')
        runner.logger.warning(text)
