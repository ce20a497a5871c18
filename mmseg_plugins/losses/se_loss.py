"""The semantic encoding loss (SE-loss) of EncNet: which classes are in the image?

Paper: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018,
https://arxiv.org/abs/1803.08904.
Code:  zhanghang1989/PyTorch-Encoding, encoding/nn/loss.py, MIT: weight 0.2.
"""

import torch
from mmseg.models.losses import CrossEntropyLoss
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.registry import MODELS


def class_presence(
    labels: Tensor, num_classes: int, ignore_index: int | None = 255
) -> Tensor:
    """Return which classes occur in each image.

    It is deterministic and does not synchronize with the device. One class is that of
    one logit per pixel: label 1, beside the background, which is label 0.

    Args:
        labels: (N, H, W) or (N, 1, H, W), integers; those outside 0 ... K - 1 are
            skipped.
        num_classes: Number of classes K.
        ignore_index: Label that is skipped, also if it is one of the K classes.

    Returns:
        (N, K), float32: 1 if at least one pixel has the class, else 0.

    Raises:
        ValueError: If ``labels`` has another shape.

    Examples:
        >>> labels = torch.tensor([[[0, 2], [2, 255]], [[255, 255], [-1, 255]]])
        >>> class_presence(labels, 4)
        tensor([[1., 0., 1., 0.],
                [0., 0., 0., 0.]])
        >>> class_presence(torch.tensor([[[0, 1]], [[0, 0]]]), 1)
        tensor([[1.],
                [0.]])
    """
    if labels.dim() not in (3, 4) or (labels.dim() == 4 and labels.shape[1] != 1):
        raise ValueError(
            f'labels of shape {tuple(labels.shape)}: must be (N, H, W) or (N, 1, H, W)'
        )
    num_labels = max(num_classes, 2)
    # The first and the last column take all labels below 0 and from K up.
    columns = labels.flatten(1).long().clamp(-1, num_labels) + 1  # (N, H * W)
    presence = labels.new_zeros((len(labels), num_labels + 2), dtype=torch.float32)
    presence = presence.scatter(1, columns, 1.0)[:, 1:-1]
    if ignore_index is not None and 0 <= ignore_index < num_labels:
        presence[:, ignore_index] = 0
    return presence[:, -num_classes:]


@MODELS.register_module()
class SELoss(nn.Module):
    """Binary cross-entropy between presence logits and the classes in the labels.

    Small objects weigh as much as large ones. Any head with one logit per image and
    class can use it. One logit per image is for label 1; see :func:`class_presence`.

    Args:
        avg_non_ignore: Whether images without any label are left out of the mean, as
            ignored pixels are in mmseg's losses. If not, all classes count as absent.
        criterion: Config of another loss; it gets logits and presence, both (N, K).
            mmseg's ``CrossEntropyLoss`` gets presence (N,) if K is 1.
        loss_weight: Weight of the loss; 0.2 in the paper.
        loss_name: Name in the log. Without ``loss`` in it, it is not trained.
    """

    def __init__(
        self,
        *,
        avg_non_ignore: bool = True,
        criterion: dict | None = None,
        loss_weight: float = 0.2,
        loss_name: str = 'loss_se',
    ) -> None:
        super().__init__()
        self.criterion = None if criterion is None else MODELS.build(criterion)
        self.avg_non_ignore = avg_non_ignore
        self.loss_weight, self.loss_name = loss_weight, loss_name

    def forward(
        self, presence_logits: Tensor, labels: Tensor, ignore_index: int | None = 255
    ) -> Tensor:
        """Map logits (N, K) and labels (N, H, W) or (N, 1, H, W) to the loss.

        Raises:
            ValueError: If the numbers of rows of logits and of images differ, or the
                criterion is a softmax of one logit.
        """
        if presence_logits.dim() != 2 or len(presence_logits) != len(labels):
            raise ValueError(
                f'presence_logits has shape {tuple(presence_logits.shape)}: must be '
                f'({len(labels)}, num_classes), one row per image of labels'
            )
        num_logits = presence_logits.shape[1]
        # One logit needs both labels: an image of background alone is labelled, too.
        occurs = class_presence(labels, max(num_logits, 2), ignore_index)
        presence = occurs[:, -num_logits:]  # (N, K)
        if self.criterion is not None:
            if num_logits == 1 and isinstance(self.criterion, CrossEntropyLoss):
                presence = _binary_target(self.criterion, presence)
            return self.loss_weight * self.criterion(presence_logits, presence)
        losses = functional.binary_cross_entropy_with_logits(
            presence_logits.float(), presence, reduction='none'
        ).mean(1)
        if not self.avg_non_ignore:
            return self.loss_weight * losses.mean()
        labelled = occurs.amax(1)
        return self.loss_weight * (losses * labelled).sum() / labelled.sum().clamp(1)


def _binary_target(criterion: CrossEntropyLoss, presence: Tensor) -> Tensor:
    """Return the presence (N,) that mmseg's loss expects beside logits (N, 1)."""
    if not criterion.use_sigmoid:
        raise ValueError(
            'use_sigmoid=False: must be True for one logit per image, since a softmax '
            'over one class is always 1'
        )
    return presence.squeeze(1)
