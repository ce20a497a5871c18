"""Steps of the encoding layer and of EncHead, ours and stock mmseg's.

``products`` are the layer's matrix products alone.
"""

import torch
from benchmarks.clock import Step
from mmengine.structures import PixelData
from mmseg.models.utils import Encoding as StockEncoding
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmseg_plugins.layers import Encoding

BATCH, CHANNELS, CODES, CLASSES = 2, 512, 32, 150
HEAD = dict(
    in_channels=[512, 1024, 2048],
    in_index=[0, 1, 2],
    channels=CHANNELS,
    num_codes=CODES,
    num_classes=CLASSES,
    norm_cfg=dict(type='BN'),
    loss_decode=dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
)


def layer_step(variant: str, side: int, device: str, train: bool = True) -> Step:
    """Make a pass of a layer, or its matrix products: forward, and back in training."""
    layer = (StockEncoding if variant == 'stock' else Encoding)(CHANNELS, CODES)
    layer.to(device)
    codes = torch.randn(BATCH, CODES, CHANNELS, device=device)
    weights = torch.rand(BATCH, CODES, side * side, device=device)
    both = torch.cat([codes, codes], 1).transpose(1, 2)
    both_weights = torch.cat([weights, weights], 1)

    def products(x: Tensor) -> object:
        x = x.detach().flatten(2)
        forward = torch.bmm(codes, x), torch.bmm(weights, x.transpose(1, 2))
        if not train:
            return forward
        to_weights, to_x = torch.bmm(codes, x), torch.bmm(both, both_weights)
        return forward, to_weights, to_x, torch.bmm(weights, x.transpose(1, 2))

    def step(x: Tensor) -> object:
        return layer(x).backward(codes) if train else layer(x)

    return products if variant == 'products' else step


def head_step(variant: str, side: int, device: str) -> Step:
    """Make a training step of a head, without an optimiser."""
    scope = 'mmseg' if variant == 'stock' else 'mmseg_plugins'
    one = dict(in_channels=HEAD['in_channels'][-1:], in_index=[0])
    head = MODELS.build({**HEAD, **one, 'type': f'{scope}.EncHead'}).to(device)
    labels = torch.randint(0, CLASSES, (1, side, side), device=device)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels))] * BATCH

    def step(x: Tensor) -> object:
        losses = head.loss([x], samples, None)
        return sum(v for k, v in losses.items() if 'loss' in k).backward()

    return step
