"""Normalization of images with any number of channels."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models import SegDataPreProcessor

from mmseg_plugins.registry import MODELS


@MODELS.register_module()
class MultiChannelDataPreProcessor(SegDataPreProcessor):
    """mmseg's ``SegDataPreProcessor`` for images with any number of channels.

    mmseg normalizes 1 or 3 channels, or, before version 1.4, does not check that their
    number fits. The order of the channels stays as it is in the files.

    Args:
        mean: Mean of each channel, in the units of the files;
            ``tools/channel_stats.py`` measures it.
        std: Standard deviation of each channel, above 0.
        **kwargs: Other arguments of ``SegDataPreProcessor``.

    Raises:
        ValueError: If ``mean`` and ``std`` differ in length or are empty, a value of
            ``std`` is not above 0, or ``bgr_to_rgb`` or ``rgb_to_bgr`` is set.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], **kwargs) -> None:
        if not 0 < len(mean) == len(std):
            raise ValueError(
                f'mean has {len(mean)} values and std {len(std)}: both must have one '
                'for each channel'
            )
        if min(std) <= 0:
            raise ValueError(f'std={list(std)}: all values must be greater than 0')
        for name in ('bgr_to_rgb', 'rgb_to_bgr'):
            if kwargs.get(name):
                raise ValueError(
                    f'{name}=True: must be False, the channels stay in the order of '
                    'the files'
                )
        super().__init__(**kwargs)
        self._enable_normalize = True
        for name, values in dict(mean=mean, std=std).items():
            tensor = torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Normalize, pad and stack images (C, H, W).

        Raises:
            ValueError: If an image has another number of channels than ``mean``.
        """
        for image in data['inputs']:
            if len(image) != len(self.mean):
                raise ValueError(
                    f'an image has {len(image)} channels, but mean has '
                    f'{len(self.mean)} values: correct mean, std and in_channels of '
                    'the backbone, or the images; leave PhotoMetricDistortion out of '
                    'the pipeline, it is for three channels'
                )
        return super().forward(data, training)
