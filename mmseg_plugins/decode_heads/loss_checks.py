"""Checks that the losses of a head fit its logits, its sampler and the device."""

import inspect
from collections.abc import Callable
from functools import cache

from mmseg.models import losses
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses.lovasz_loss import lovasz_softmax
from mmseg.structures import OHEMPixelSampler
from torch import Tensor, nn

SIGMOID = "dict(type='mmseg_plugins.CrossEntropyLoss', use_sigmoid=True)"


def check_losses(head: BaseDecodeHead, seg_logits: Tensor) -> None:
    """Raise a ValueError if one of mmseg's losses cannot train these logits.

    Without these checks, mmseg raises errors that do not name the cause, or trains
    nothing: softmax of one logit is always 1.
    """
    several = isinstance(head.loss_decode, nn.ModuleList)
    for loss in head.loss_decode if several else [head.loss_decode]:
        name = f'loss_decode of type {type(loss).__name__}'
        if not _is_for_label_maps(loss):
            raise ValueError(
                f'{name}: its forward takes other inputs than logits, labels, weight '
                'and ignore_index; use another loss, such as CrossEntropyLoss'
            )
        if head.out_channels == 1 and _needs_logit_per_class(loss):
            raise ValueError(
                f'{name}: needs one logit per class, but num_classes='
                f'{head.num_classes} and out_channels=1. Fix: loss_decode={SIGMOID}, '
                'or num_classes=2 without out_channels'
            )
        if head.out_channels > 1 and _is_binary(loss):
            raise ValueError(
                f"{name} with loss_type='binary': needs out_channels=1, but it is "
                f"{head.out_channels}. Fix: loss_type='multi_class'"
            )
        if isinstance(loss, losses.FocalLoss) and not seg_logits.is_cuda:
            raise ValueError(
                f'{name}: works on CUDA devices only; on {seg_logits.device}, use '
                'another loss, such as CrossEntropyLoss'
            )
        if isinstance(head.sampler, OHEMPixelSampler):
            _check_sampler(head, loss, name)


def _check_sampler(head: BaseDecodeHead, loss: nn.Module, name: str) -> None:
    thresh = head.sampler.thresh
    if isinstance(loss, losses.DiceLoss | losses.FocalLoss):
        raise ValueError(
            f'sampler=OHEMPixelSampler: {name} takes no weights of pixels. Fix: leave '
            'the sampler out, or use CrossEntropyLoss'
        )
    if thresh is not None and head.out_channels == 1:
        raise ValueError(
            f'thresh={thresh} of OHEMPixelSampler: needs one logit per class, but '
            'out_channels=1. Fix: leave thresh out, which keeps the min_kept pixels of '
            'the largest loss'
        )
    if thresh is None and not _has_value_per_pixel(loss, head.out_channels):
        raise ValueError(
            f'thresh=None of OHEMPixelSampler: {name} has not one value per pixel. '
            f'Fix: use CrossEntropyLoss with use_sigmoid={head.out_channels == 1}, or '
            'give thresh if there are several logits'
        )


def _is_for_label_maps(loss: nn.Module) -> bool:
    if isinstance(loss, losses.CrossEntropyLoss) and loss.use_mask:
        return False
    return _takes_label_maps(type(loss).forward)


@cache  # the heads ask in each iteration
def _takes_label_maps(forward: Callable) -> bool:
    signature = inspect.signature(forward)
    try:
        signature.bind(None, None, None, weight=None, ignore_index=None)
    except TypeError:
        return False
    return True


def _needs_logit_per_class(loss: nn.Module) -> bool:
    if isinstance(loss, losses.CrossEntropyLoss):
        return not loss.use_sigmoid
    if isinstance(loss, losses.LovaszLoss):
        return not _is_binary(loss)
    # With one logit, DiceLoss takes label 0 for the foreground.
    unsupported = losses.DiceLoss, losses.TverskyLoss, losses.HuasdorffDisstanceLoss
    return isinstance(loss, unsupported)


def _is_binary(loss: nn.Module) -> bool:
    lovasz = isinstance(loss, losses.LovaszLoss)
    return lovasz and loss.cls_criterion is not lovasz_softmax


def _has_value_per_pixel(loss: nn.Module, num_logits: int) -> bool:
    """Return whether ``reduction='none'`` gives (N, H, W); unknown losses may."""
    if isinstance(loss, losses.CrossEntropyLoss):
        return num_logits == 1 or not loss.use_sigmoid
    unsupported = losses.LovaszLoss, losses.TverskyLoss, losses.HuasdorffDisstanceLoss
    return not isinstance(loss, unsupported)
