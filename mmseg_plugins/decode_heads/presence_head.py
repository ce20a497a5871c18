"""The SE-loss of EncNet for networks with any decode head.

Paper: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018,
https://arxiv.org/abs/1803.08904, Sec. 3.1 and 3.2. In the paper the loss is part of
EncNet's head; a branch of its own is our addition.

Shapes: N batch, C channels, K classes.
"""

from collections.abc import Sequence
from typing import Any

from mmcv.cnn import ConvModule
from torch import Tensor

from mmseg_plugins.losses import SELoss
from mmseg_plugins.registry import MODELS

from .enc_head import encoding_layers
from .level_checks import CheckedDecodeHead

#: Arguments of ``BaseDecodeHead`` that only heads of pixels use.
UNSUPPORTED = ('input_transform', 'out_channels', 'sampler', 'threshold')


@MODELS.register_module()
class PresenceHead(CheckedDecodeHead):
    """Learn which classes occur in the image, beside any decode head.

    It is an ``auxiliary_head``, or one of a list of them, so it costs nothing in
    prediction::

        auxiliary_head=dict(
            type='mmseg_plugins.PresenceHead',
            in_channels=2048,
            in_index=3,
            channels=512,
            num_classes=19,
            norm_cfg=norm_cfg,
        )

    One level is projected and encoded as in :class:`EncHead`, and ``conv_seg`` scores
    the mean of the codes, but nothing is gated. The probability of each class is
    ``model.auxiliary_head(levels).sigmoid()``.

    Args:
        in_channels: Channels of output ``in_index`` of the backbone.
        channels: C, the channels of the encoded map.
        num_classes: K. 2 for labels 0 and 1, also if the decode head has
            ``out_channels=1``; 1 for label 1 alone.
        num_codes: Number of codewords; 32 in the paper.
        loss_decode: Config of :class:`SELoss`; another loss can be its ``criterion``.
        dropout_ratio: Dropout of the mean code; 0 as in :class:`EncHead`.
        **kwargs: See mmseg's ``BaseDecodeHead``.

    Raises:
        ValueError: If an argument is for pixels or for several levels.
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
            # Given, to avoid mmseg's warnings for two classes and for one.
            out_channels=num_classes,
            threshold=0.5,
            dropout_ratio=dropout_ratio,
            loss_decode=loss_decode or dict(type='mmseg_plugins.SELoss'),
            **kwargs,
        )
        if not isinstance(self.loss_decode, SELoss):
            raise ValueError(
                f"loss_decode={loss_decode}: its type must be 'mmseg_plugins.SELoss'; "
                'another loss can be its criterion, such as '
                "dict(type='CrossEntropyLoss', use_sigmoid=True)"
            )
        self.project = ConvModule(in_channels, channels, 1, **self.layer_cfgs)
        self.encoding = encoding_layers(channels, num_codes, self.norm_cfg)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to presence logits (N, K, 1, 1)."""
        x = self.project(self._transform_inputs(inputs))
        semantics = self.encoding(x).mean(1).type_as(x)
        return self.cls_seg(semantics[..., None, None])

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        """Compute the SE-loss of presence logits (N, K, 1, 1)."""
        labels = self._stack_batch_gt(batch_data_samples)
        logits = seg_logits.flatten(1)
        loss = self.loss_decode(logits, labels, ignore_index=self.ignore_index)
        return {self.loss_decode.loss_name: loss}

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list) -> Tensor:
        """Raise a ValueError: this head predicts per image, not per pixel."""
        raise ValueError('PresenceHead does not label pixels: use it as auxiliary_head')


def _check_arguments(in_channels: int, kwargs: dict) -> None:
    levels = dict(in_channels=in_channels, in_index=kwargs.get('in_index', -1))
    for name, value in levels.items():
        if not isinstance(value, int):
            raise ValueError(f'{name}={value!r}: must be an int')
    for name in UNSUPPORTED:
        if kwargs.get(name) is not None:
            raise ValueError(
                f'{name}={kwargs[name]!r}: must be left out, since this head takes one '
                'level and gives one logit per image and class'
            )
