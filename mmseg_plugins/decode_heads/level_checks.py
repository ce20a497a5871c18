"""The base classes of the heads, with checks of the backbone's levels."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from torch import Tensor

from .loss_checks import check_losses


def check_lists(order: str, **lists: Sequence) -> None:
    """Raise a ValueError unless all lists have one entry per level, in this order."""
    for name, value in lists.items():
        if not isinstance(value, (list, tuple)) or not value:
            raise ValueError(f'{name}={value!r}: must be a list, one entry per level')
    if len({len(value) for value in lists.values()}) > 1:
        arguments = ', '.join(f'{name}={value}' for name, value in lists.items())
        raise ValueError(
            f'{arguments}: must have the same length, one entry per level, {order}'
        )


def image_size(batch_img_metas: list[dict]) -> Sequence[int]:
    """Return height and width of the padded images, or of the sliding window."""
    meta = batch_img_metas[0]
    size = meta['img_shape']
    if not isinstance(size, torch.Size):  # as mmseg stores the size of a window
        size = meta.get('pad_shape', size)
    return size[:2]


class CheckedDecodeHead(BaseDecodeHead):
    """mmseg's base class, with errors that name the cause, for graphs of any size."""

    @property
    def layer_cfgs(self) -> dict:
        """Configs of the convolution, norm and activation layers of a ConvModule."""
        return dict(
            conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg
        )

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        """Compute mmseg's losses; raise a ValueError if one does not fit the head."""
        check_losses(self, seg_logits)
        return super().loss_by_feat(seg_logits, batch_data_samples)

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list) -> Tensor:
        """Upsample logits to the size of the padded image or of the sliding window."""
        # mmseg's warning compares sizes, which makes them constants in a graph.
        return resize(
            seg_logits,
            size=image_size(batch_img_metas),
            mode='bilinear',
            align_corners=self.align_corners,
            warning=False,
        )

    def _transform_inputs(self, inputs: Sequence[Tensor]) -> Any:
        """Select the levels; raise a ValueError if they do not fit the config."""
        if isinstance(inputs, Tensor):
            raise ValueError(
                f'the backbone returns one tensor of shape {tuple(inputs.shape)}: '
                'choose a backbone that returns a list of maps in training and in '
                'evaluation'
            )
        # The levels of a symbolic trace are proxies without a known shape.
        is_concrete = isinstance(inputs, (list, tuple)) and all(
            isinstance(level, Tensor) for level in inputs
        )
        if is_concrete and self.input_transform != 'resize_concat':
            single = isinstance(self.in_index, int)
            indices = [self.in_index] if single else self.in_index
            widths = [self.in_channels] if single else self.in_channels
            channels = [level.shape[1] for level in inputs]
            for index, width in zip(indices, widths, strict=True):
                exists = -len(inputs) <= index < len(inputs)
                if not exists or channels[index] != width:
                    raise ValueError(
                        f'in_index={self.in_index}, in_channels={self.in_channels} do '
                        f'not fit the backbone, whose outputs have {channels} '
                        f'channels: set in_index from 0 to {len(inputs) - 1}, and '
                        'in_channels to the channels of these outputs'
                    )
        return super()._transform_inputs(inputs)


class MultiLevelHead(CheckedDecodeHead):
    """The base class of heads that work on a list of levels."""

    def __init__(self, *, input_transform: str = 'multiple_select', **kwargs: Any):
        if input_transform != 'multiple_select':
            raise ValueError(
                f'input_transform={input_transform!r}: must be left out, since this '
                'head takes the levels of in_index as they are'
            )
        super().__init__(input_transform=input_transform, **kwargs)
