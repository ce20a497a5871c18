"""mmseg's cross-entropy loss, with class weights that work with ignored labels."""

from typing import Any

import mmseg.models.losses
import torch
from torch import Tensor

from mmseg_plugins.registry import MODELS


@MODELS.register_module()
class CrossEntropyLoss(mmseg.models.losses.CrossEntropyLoss):
    """mmseg's ``CrossEntropyLoss``; only ``class_weight`` differs.

    With softmax and ``reduction='mean'`` it divides by the sum of the class weights of
    the labelled pixels, as ``torch.nn.functional.cross_entropy`` does. mmseg's loss
    raises an IndexError for ignored labels there: release 1.2.2 always, newer ones with
    ``avg_non_ignore=True``.

    With ``use_sigmoid=True`` the class weights are the ``pos_weight`` of
    ``torch.nn.functional.binary_cross_entropy_with_logits``, for logits (N, K, H, W).

    Args:
        class_weight: Weight of each of the K logits, or the name of a file with them.
        **kwargs: See mmseg's ``CrossEntropyLoss``.
    """

    class_weight: Any

    def __init__(self, *, class_weight: Any = None, **kwargs: Any) -> None:
        super().__init__(class_weight=class_weight, **kwargs)
        if self.use_sigmoid and self.class_weight is not None:
            # (K, 1, 1), for broadcasting
            self.class_weight = [[[value]] for value in self.class_weight]

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        ignore_index: int = -100,
        **kwargs: Any,
    ) -> Tensor:
        """Map logits (N, K, H, W) and labels (N, H, W) to the loss.

        Raises:
            ValueError: If ``class_weight`` has another length than K.
        """
        if self.class_weight is not None:
            num_logits, num_weights = cls_score.shape[1], len(self.class_weight)
            if num_weights != num_logits:
                raise ValueError(
                    f'class_weight has {num_weights} entries: must have {num_logits}, '
                    'one per logit'
                )
            reduction = reduction_override or self.reduction
            softmax = not (self.use_sigmoid or self.use_mask)
            if softmax and reduction == 'mean' and avg_factor is None:
                class_weight = cls_score.new_tensor(self.class_weight)
                weights = class_weight[label[label != ignore_index]]
                # The sum of many weights overflows in float16.
                dtype = torch.promote_types(weights.dtype, torch.float32)
                avg_factor = weights.sum(dtype=dtype)
        return super().forward(
            cls_score,
            label,
            weight,
            avg_factor,
            reduction_override,
            ignore_index,
            **kwargs,
        )
