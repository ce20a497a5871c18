"""The authors' SPNet, plainly, with the names of their state dict and any width.

Written from the layout and the behaviour of houqb/SPNet since 10 June 2020; nothing of
mmseg or mmseg_plugins is used. Strips are enlarged by interpolation.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from tests.reference.encnet_authors import (
    Bottleneck,
    DeepStemResNet,
    FCNHead,
    conv_norm,
)


def enlarge(x: Tensor, size: torch.Size) -> Tensor:
    return interpolate(x, size, mode='bilinear', align_corners=True)


def strip_conv(channels: int, height: int, width: int) -> nn.Sequential:
    padding = (height // 2, width // 2)
    kernel = nn.Conv2d(channels, channels, (height, width), padding=padding, bias=False)
    return nn.Sequential(kernel, nn.BatchNorm2d(channels))


class SPM(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.bn1 = strip_conv(channels, 3, 1)
        self.conv2, self.bn2 = strip_conv(channels, 1, 3)
        self.conv3 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.bn1(self.conv1(adaptive_avg_pool2d(x, (None, 1))))
        columns = self.bn2(self.conv2(adaptive_avg_pool2d(x, (1, None))))
        size = x.shape[2:]
        return self.conv3((enlarge(rows, size) + enlarge(columns, size)).relu())


def make_block(inputs, planes, stage, i, last, spm) -> Bottleneck:
    """Multi-grid 4, 8, 16 in the last stage, whose blocks all have an SPM."""
    spread = {3: 2 if i else 1, 4: 4 * 2**i}.get(stage, 1)
    stride = 2 if stage == 2 and i == 0 else 1
    block = Bottleneck(inputs, planes, stride, spread, i == 0)
    if spm and (stage == 4 or last):
        block.spm = SPM(planes)
    return block


class MPM(nn.Module):
    def __init__(self, channels: int, pools: tuple[int, int]):
        super().__init__()
        half = channels // 4
        self.pools = pools
        self.conv1_1 = conv_norm(channels, half, 1)
        self.conv1_2 = conv_norm(channels, half, 1)
        self.conv2_0 = conv_norm(half, half, 3)[:2]
        self.conv2_1 = conv_norm(half, half, 3)[:2]
        self.conv2_2 = conv_norm(half, half, 3)[:2]
        self.conv2_3 = strip_conv(half, 1, 3)
        self.conv2_4 = strip_conv(half, 3, 1)
        self.conv2_5 = conv_norm(half, half, 3)
        self.conv2_6 = conv_norm(half, half, 3)
        self.conv3 = conv_norm(2 * half, channels, 1)[:2]

    def forward(self, x: Tensor) -> Tensor:
        short, long, size = self.conv1_1(x), self.conv1_2(x), x.shape[2:]
        first = self.conv2_1(adaptive_avg_pool2d(short, self.pools[0]))
        second = self.conv2_2(adaptive_avg_pool2d(short, self.pools[1]))
        short = self.conv2_0(short) + enlarge(first, size) + enlarge(second, size)
        rows = self.conv2_3(adaptive_avg_pool2d(long, (1, None)))
        columns = self.conv2_4(adaptive_avg_pool2d(long, (None, 1)))
        long = enlarge(rows, size) + enlarge(columns, size)
        both = torch.cat([self.conv2_5(short.relu()), self.conv2_6(long.relu())], 1)
        return (x + self.conv3(both)).relu()


class SPHead(nn.Module):
    def __init__(self, inputs: int, num_classes: int, pools: tuple[int, int]):
        super().__init__()
        channels = inputs // 2
        self.trans_layer = conv_norm(inputs, channels, 1)
        self.strip_pool1 = MPM(channels, pools)
        self.strip_pool2 = MPM(channels, pools)
        self.score_layer = nn.Sequential(
            *conv_norm(channels, channels // 2, 3),
            nn.Dropout2d(0.1),
            nn.Conv2d(channels // 2, num_classes, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.strip_pool2(self.strip_pool1(self.trans_layer(x)))
        return self.score_layer(x)


class SPNet(nn.Module):
    """``width`` is 64 in the paper's."""

    def __init__(
        self, width, num_classes, pools=(20, 12), depth=50, spm=True, aux=True
    ):
        super().__init__()
        self.pretrained = DeepStemResNet(width, depth, partial(make_block, spm=spm))
        self.head = SPHead(32 * width, num_classes, pools)
        if aux:
            self.auxlayer = FCNHead(16 * width, num_classes)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Logits at the size of the image; if any, auxiliary logits."""
        features = self.pretrained(image)
        outputs = [enlarge(self.head(features[3]), image.shape[2:])]
        if hasattr(self, 'auxlayer'):
            outputs.append(self.auxlayer.conv5(features[2]))
        return outputs
