"""The decode head of EncNet: features gated by what the whole image shows.

Paper: Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018,
https://arxiv.org/abs/1803.08904.
Code:  zhanghang1989/PyTorch-Encoding, encoding/models/sseg/encnet.py, MIT; differs
here in: the dropout before the classifier, which is mmseg's ``Dropout2d``.

Shapes: N batch, C channels, K classes, H and W the size of the feature map.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from torch import Tensor, nn

from mmseg_plugins.registry import MODELS

from .context_encoding import ContextEncoding
from .levels import check_lists, select_levels


@MODELS.register_module()
class EncHead(BaseDecodeHead):
    """Gate the channels of a map by its encoding, and learn to name its classes.

    Takes the place of mmseg's head of this name: same arguments, weights and keys. The
    encoding also tells which classes are in the image, which only the SE-loss sees
    while training, and :meth:`presence` afterwards.

    Args:
        in_channels: Channels of the levels; the last one is encoded.
        in_index: Where the levels are among the backbone's outputs.
        num_codes: Codewords of the encoding; 32 in the paper.
        use_se_loss: Whether there is a layer of presence logits, and the SE-loss.
        add_lateral: Whether the levels before the last one are fused with it, as the
            authors do for Pascal VOC and Pascal Context.
        loss_decode: Of the pixels; mmseg's ``CrossEntropyLoss`` by default.
        loss_se_decode: Config of the SE-loss, or a list of them, whose values add up
            by ``loss_name``; :class:`SELoss` by default. Another loss than that is
            called with presence logits and presence, both (N, K), and logged as
            ``loss_se``.
        **kwargs: See mmseg's ``BaseDecodeHead``. The codes are normalised by the kind
            of ``norm_cfg`` for one dimension, in fewer groups where GN's number does
            not divide ``num_codes``, and by BN without ``norm_cfg``.

    Raises:
        ValueError: If ``in_channels`` and ``in_index`` are not lists of one length,
            ``num_codes`` is less than 1, or ``norm_cfg`` is a layer norm.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        in_index: Sequence[int],
        num_codes: int = 32,
        use_se_loss: bool = True,
        add_lateral: bool = False,
        loss_decode: dict | Sequence[dict] | None = None,
        loss_se_decode: dict | Sequence[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        check_lists('the encoded one last', in_channels=in_channels, in_index=in_index)
        super().__init__(
            in_channels=in_channels,
            in_index=in_index,
            input_transform='multiple_select',
            loss_decode=loss_decode or dict(type='mmseg.CrossEntropyLoss'),
            **kwargs,
        )
        self.num_codes = num_codes
        self.use_se_loss = use_se_loss
        self.add_lateral = add_lateral
        conv = partial(
            ConvModule,
            out_channels=self.channels,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )
        self.bottleneck = conv(in_channels[-1], kernel_size=3, padding=1)
        if add_lateral:
            self.lateral_convs = nn.ModuleList(
                conv(width, kernel_size=1) for width in in_channels[:-1]
            )
            total = len(in_channels) * self.channels
            self.fusion = conv(total, kernel_size=3, padding=1)
        self.enc_module = ContextEncoding(
            conv(self.channels, kernel_size=1), num_codes, self.norm_cfg
        )
        if use_se_loss:
            self.loss_se_decode = _build_se_losses(loss_se_decode)
            self.se_layer = nn.Linear(self.channels, self.num_classes)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to logits (N, K, H, W)."""
        x, _ = self._encode(inputs)
        return self.cls_seg(x)

    def presence(self, inputs: Sequence[Tensor]) -> Tensor:
        """Map the backbone's levels to the probability of each class, (N, K).

        With ``add_presence`` they become part of a prediction.

        Raises:
            ValueError: If the head has no SE-loss and hence no layer for it.
        """
        if not self.use_se_loss:
            raise ValueError(
                'use_se_loss=False: only a head with the SE-loss tells which classes '
                'are in an image'
            )
        return self.se_layer(self._encode(inputs)[1]).float().sigmoid()

    def add_presence(
        self,
        data_samples: Sequence,
        inputs: Sequence[Tensor],
        classes: Sequence[str],
    ) -> None:
        """Give each prediction the probability of each class to be in its image.

        ``sample.presence`` is then a dict by class name, part of the sample's
        metainfo, and a dump of the predictions carries it along::

            samples = model.test_step(data)
            images = model.data_preprocessor(data)['inputs']
            levels = model.extract_feat(images)
            classes = model.dataset_meta['classes']
            model.decode_head.add_presence(samples, levels, classes)

        Raises:
            ValueError: If there is not one name per class.
        """
        if len(classes) != self.num_classes:
            raise ValueError(
                f'{len(classes)} class names for num_classes={self.num_classes}: give '
                "the dataset's classes"
            )
        for sample, row in zip(data_samples, self.presence(inputs), strict=True):
            named = dict(zip(classes, row.tolist(), strict=True))
            sample.set_metainfo(dict(presence=named))

    def loss(
        self, inputs: Sequence[Tensor], batch_data_samples: list, train_cfg: dict
    ) -> dict:
        """Compute the host's losses and, from the encoding, the SE-loss."""
        x, semantics = self._encode(inputs)
        losses = self.loss_by_feat(self.cls_seg(x), batch_data_samples)
        if self.use_se_loss:
            labels = self._stack_batch_gt(batch_data_samples)
            logits = self.se_layer(semantics)
            for loss in self.loss_se_decode:
                value = loss(logits, labels, ignore_index=self.ignore_index)
                losses[loss.loss_name] = losses.get(loss.loss_name, 0) + value
        return losses

    def _encode(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the gated map and the encoded semantics, (N, C)."""
        *levels, last = select_levels(self, inputs)
        x = self.bottleneck(last)
        if self.add_lateral:
            size = x.shape[2:]
            laterals = [
                resize(conv(level), size, None, 'bilinear', self.align_corners)
                for conv, level in zip(self.lateral_convs, levels, strict=True)
            ]
            x = self.fusion(torch.cat([x, *laterals], 1))
        return self.enc_module(x)


def _build_se_losses(cfg: dict | Sequence[dict] | None) -> nn.ModuleList:
    default = dict(type='mmseg_plugins.SELoss')
    cfgs = [cfg or default] if cfg is None or isinstance(cfg, dict) else cfg
    losses = nn.ModuleList()
    for each in cfgs:
        loss = MODELS.build(each)
        if not isinstance(loss, MODELS.get('mmseg_plugins.SELoss')):
            loss = MODELS.build(dict(default, criterion=each, loss_weight=1.0))
        losses.append(loss)
    return losses
