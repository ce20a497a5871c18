"""The semantic encoding loss (SE-loss) of EncNet: which classes are in the image?

Paper: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018,
https://arxiv.org/abs/1803.08904.
Code:  zhanghang1989/PyTorch-Encoding, encoding/nn/loss.py, MIT: weight 0.2.

Shapes: N batch, K classes, H and W the size of the labels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmseg_plugins.registry import MODELS


def class_presence(
    labels: Tensor, num_classes: int, ignore_index: int | None = 255
) -> Tensor:
    """Tell which classes are in each image: 1 if at least one pixel has the class.

    Nothing waits for the device, and the result does not depend on the order in which
    pixels are visited.

    Args:
        labels: (N, H, W) or (N, 1, H, W), integers. Those outside 0 ... K - 1 count for
            no class, whether ignored or wrong: the pixels' own loss complains.
        num_classes: K.
        ignore_index: Label that counts for no class, also if it is one of the K.

    Returns:
        (N, K), float32.

    Raises:
        ValueError: If ``labels`` have another shape.

    Example:
        >>> labels = torch.tensor([[[0, 2], [2, 255]], [[255, 255], [-1, 255]]])
        >>> class_presence(labels, 4)
        tensor([[1., 0., 1., 0.],
                [0., 0., 0., 0.]])
    """
    if labels.dim() not in (3, 4) or (labels.dim() == 4 and labels.shape[1] != 1):
        raise ValueError(
            f'labels have shape {tuple(labels.shape)}: give (N, H, W) or (N, 1, H, W)'
        )
    presence = labels.new_zeros((len(labels), num_classes + 2), dtype=torch.float32)
    # One image at a time: their clamped labels stay in a CPU's cache.
    for row, image in zip(presence, labels, strict=True):
        row.scatter_(0, image.flatten().long().clamp(-1, num_classes) + 1, 1)
    presence = presence[:, 1:-1]  # without the slots of all that is outside
    if ignore_index is not None and 0 <= ignore_index < num_classes:
        presence[:, ignore_index] = 0
    return presence


@MODELS.register_module()
class SELoss(nn.Module):
    """Binary cross-entropy between presence logits and the classes in the labels.

    Big and small objects weigh the same. Any head with one logit per image and class
    may use it.

    Args:
        avg_non_ignore: Whether images without any label are left out of the mean, as
            pixels without label are in mmseg's losses; else each of them says that
            every class is absent.
        criterion: Config of another loss to take than the binary cross-entropy; called
            with logits and presence, both (N, K), and averaging by itself.
        loss_weight: Factor on the loss; 0.2 in the paper.
        loss_name: Key in the log; without ``loss`` in it nothing is trained by it.

    Example:
        >>> labels = torch.tensor([[[0, 2], [2, 255]]])
        >>> loss = SELoss(loss_weight=1.0)(torch.tensor([[9.0, -9.0, 0.0]]), labels)
        >>> round(loss.item(), 3)  # log(2) / 3
        0.231
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
        self.loss_weight = loss_weight
        self._loss_name = loss_name

    def forward(
        self, presence_logits: Tensor, labels: Tensor, ignore_index: int | None = 255
    ) -> Tensor:
        """Map logits (N, K) and labels (N, H, W) or (N, 1, H, W) to the loss.

        Raises:
            ValueError: If there is not one row of logits per image of labels.
        """
        if presence_logits.dim() != 2 or len(presence_logits) != len(labels):
            raise ValueError(
                f'presence_logits have shape {tuple(presence_logits.shape)}: give '
                f'({len(labels)}, num_classes), one row per image of labels'
            )
        presence = class_presence(labels, presence_logits.shape[1], ignore_index)
        if self.criterion is not None:
            return self.loss_weight * self.criterion(presence_logits, presence)
        losses = functional.binary_cross_entropy_with_logits(
            presence_logits.float(), presence, reduction='none'
        ).mean(1)
        if not self.avg_non_ignore:
            return self.loss_weight * losses.mean()
        labelled = presence.amax(1)
        return self.loss_weight * (losses * labelled).sum() / labelled.sum().clamp(1)

    @property
    def loss_name(self) -> str:
        """The key in the log."""
        return self._loss_name
