"""The SE-loss of EncNet for networks with any decode head.

Paper: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018,
https://arxiv.org/abs/1803.08904, Sec. 3.1 and 3.2. The paper has the loss inside its
own head only; as a branch of its own it is ours.

Shapes: N batch, C channels, K classes.
"""

from collections.abc import Sequence
from typing import Any

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor

from mmseg_plugins.registry import MODELS

from .context_encoding import encoding_layer
from .levels import select_levels

SE_LOSS = 'mmseg_plugins.SELoss'
#: What a head of pixels or of several levels takes, and this one cannot.
UNFIT = ('input_transform', 'out_channels', 'sampler', 'threshold')


@MODELS.register_module()
class PresenceHead(BaseDecodeHead):
    """Learn which classes are in the image, beside a head that labels its pixels.

    It is an ``auxiliary_head``, or one of a list of them: that is the one place where a
    config can give a network another branch and loss, whatever its decode head is, and
    where a branch costs nothing in prediction::

        auxiliary_head=dict(
            type='mmseg_plugins.PresenceHead',
            in_channels=2048,
            in_index=3,
            channels=512,
            num_classes=19,
            norm_cfg=norm_cfg,
        )

    A level is projected and encoded as in :class:`EncHead`, and the mean of the codes
    is scored by the host's ``conv_seg``. Unlike there, the encoded map is the
    backbone's and not the head's, and nothing is gated: what the encoding sees reaches
    the pixels through the backbone's weights alone. For the whole Context Encoding
    Module take :class:`EncHead`.

    ``model.auxiliary_head(levels).sigmoid()`` tells the presence of each class.

    Args:
        in_channels: Of the level, which is output ``in_index`` of the backbone.
        channels: C, of the map that is encoded.
        num_codes: Codewords of the encoding; 32 in the paper.
        loss_decode: :class:`SELoss`, the default, with its arguments; another loss is
            its ``criterion``.
        dropout_ratio: Of the mean code, 0 as in :class:`EncHead`.
        **kwargs: See mmseg's ``BaseDecodeHead``; what is for pixels or for several
            levels is refused. For ``norm_cfg`` see :class:`EncHead`.

    Raises:
        ValueError: If an argument is out of its range or not for such a head.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        num_classes: int,
        num_codes: int = 32,
        loss_decode: dict | None = None,
        dropout_ratio: float = 0.0,
        **kwargs: Any,
    ) -> None:
        _check_arguments(in_channels, kwargs)
        super().__init__(
            in_channels=in_channels,
            channels=channels,
            num_classes=num_classes,
            out_channels=num_classes,  # said, or the host advises one logit for two
            dropout_ratio=dropout_ratio,
            loss_decode=loss_decode or dict(type=SE_LOSS),
            **kwargs,
        )
        if not isinstance(self.loss_decode, MODELS.get(SE_LOSS)):
            raise ValueError(
                f'loss_decode={loss_decode} does not compare presence: give '
                f'dict(type={SE_LOSS!r}), another loss as its criterion'
            )
        self.project = ConvModule(
            in_channels,
            channels,
            1,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )
        self.encoding = encoding_layer(channels, num_codes, self.norm_cfg)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to presence logits (N, K, 1, 1)."""
        codes = self.encoding(self.project(select_levels(self, inputs)))
        semantics = codes.mean(1).to(self.conv_seg.weight.dtype)
        return self.cls_seg(semantics[..., None, None])

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        """Compute the SE-loss of presence logits (N, K, 1, 1)."""
        labels = self._stack_batch_gt(batch_data_samples)
        loss = self.loss_decode(
            seg_logits.flatten(1), labels, ignore_index=self.ignore_index
        )
        return {self.loss_decode.loss_name: loss}

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list) -> Tensor:
        """Refuse to predict.

        Raises:
            ValueError: Always: presence is not of pixels.
        """
        raise ValueError(
            'PresenceHead labels no pixels: make it an auxiliary_head, beside a '
            'decode_head that does'
        )


def _check_arguments(in_channels: int, host_arguments: dict) -> None:
    levels = {
        'in_channels': in_channels,
        'in_index': host_arguments.get('in_index', -1),
    }
    for name, value in levels.items():
        if not isinstance(value, int):
            raise ValueError(
                f'{name}={value!r} must be one number: one level is encoded'
            )
    for name in UNFIT:
        if host_arguments.get(name) is not None:
            raise ValueError(
                f'{name}={host_arguments[name]!r} is not for presence, which is one '
                'logit per image and class, of one level: leave it out'
            )
