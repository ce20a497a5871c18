"""The authors' EncNet and SPNet, plainly, with the names of their state dicts.

Written from the layout of zhanghang1989/PyTorch-Encoding of v0.4.5 and later, and of
houqb/SPNet since 10 June 2020; nothing of mmseg or mmseg_plugins is used. The encoding
layer is the paper's sum over pixels. ``width`` is 64 in the published networks.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from tests.reference.encnet import encode

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def enlarge(x: Tensor, size: torch.Size) -> Tensor:
    return interpolate(x, size, mode='bilinear', align_corners=True)


def conv(inputs: int, out: int, size: int, stride: int = 1, dilation: int = 1):
    padding = dilation * (size // 2)
    return nn.Conv2d(inputs, out, size, stride, padding, dilation, bias=False)


def conv_norm(inputs: int, out: int, size: int) -> nn.Sequential:
    return nn.Sequential(conv(inputs, out, size), nn.BatchNorm2d(out), nn.ReLU())


class Bottleneck(nn.Module):
    """In SPNet an attribute ``spm`` gates the output of the 3 x 3 convolution."""

    def __init__(self, inputs, planes, stride, dilation, widen):
        super().__init__()
        self.conv1 = conv(inputs, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = conv(planes, planes, 3, stride, dilation)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = conv(planes, 4 * planes, 1)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.downsample = None
        if widen:
            shortcut = conv(inputs, 4 * planes, 1, stride)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * planes))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.bn1(self.conv1(x)).relu()
        x = self.bn2(self.conv2(x)).relu()
        if hasattr(self, 'spm'):
            x = x * self.spm(x).sigmoid()
        return (self.bn3(self.conv3(x)) + shortcut).relu()


class DeepStemResNet(nn.Module):
    """Stages 3 and 4 keep the resolution."""

    def __init__(self, width: int, depth: int, make_block: Callable):
        super().__init__()
        self.conv1 = nn.Sequential(
            *conv_norm(3, width, 3),
            *conv_norm(width, width, 3),
            conv(width, 2 * width, 3),
        )
        self.conv1[0].stride = (2, 2)
        self.bn1 = nn.BatchNorm2d(2 * width)
        inputs = 2 * width
        for stage, count in enumerate(BLOCKS[depth], 1):
            blocks = []
            for i in range(count):
                planes, last = width * 2 ** (stage - 1), i == count - 1
                blocks.append(make_block(inputs, planes, stage, i, last))
                inputs = 4 * planes
            self.add_module(f'layer{stage}', nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.bn1(self.conv1(x)).relu()
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        outputs = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            outputs.append(x)
        return outputs


def encnet_block(inputs, planes, stage, i, last) -> Bottleneck:
    """The first block of a dilated stage has half its dilation."""
    dilation = (1, 1, 2, 4)[stage - 1]
    spread = dilation if i else max(dilation // 2, 1)
    return Bottleneck(inputs, planes, 2 if stage == 2 and i == 0 else 1, spread, i == 0)


class Encoding(nn.Module):
    def __init__(self, channels: int, num_codes: int):
        super().__init__()
        self.codewords = nn.Parameter(torch.randn(num_codes, channels))
        self.scale = nn.Parameter(-torch.rand(num_codes))

    def forward(self, x: Tensor) -> Tensor:
        return encode(x.flatten(2), self.codewords, -self.scale)


class EncModule(nn.Module):
    def __init__(self, channels, num_classes, num_codes, se_loss):
        super().__init__()
        self.encoding = nn.Sequential(
            *conv_norm(channels, channels, 1),
            Encoding(channels, num_codes),
            nn.BatchNorm1d(num_codes),
            nn.ReLU(),
        )
        self.fc = nn.Sequential(nn.Linear(channels, channels), nn.Sigmoid())
        if se_loss:
            self.selayer = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> list[Tensor]:
        code = self.encoding(x).mean(1)
        gated = (x + x * self.fc(code)[..., None, None]).relu()
        return [gated, self.selayer(code)] if hasattr(self, 'selayer') else [gated]


class EncHead(nn.Module):
    def __init__(self, inputs, channels, num_classes, num_codes, lateral, se_loss):
        super().__init__()
        self.conv5 = conv_norm(inputs[3], channels, 3)
        self.connect = nn.ModuleList()
        if lateral:
            self.connect += [conv_norm(width, channels, 1) for width in inputs[1:3]]
            self.fusion = conv_norm(3 * channels, channels, 3)
        self.encmodule = EncModule(channels, num_classes, num_codes, se_loss)
        self.conv6 = nn.Sequential(nn.Dropout(0.1), nn.Conv2d(channels, num_classes, 1))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        x = self.conv5(features[3])
        if len(self.connect):
            lateral = [f(x) for f, x in zip(self.connect, features[1:3], strict=True)]
            x = self.fusion(torch.cat([x, *lateral], 1))
        x, *presence = self.encmodule(x)
        return [self.conv6(x), *presence]


class FCNHead(nn.Module):
    def __init__(self, inputs: int, num_classes: int):
        super().__init__()
        self.conv5 = nn.Sequential(
            *conv_norm(inputs, inputs // 4, 3),
            nn.Dropout(0.1),
            nn.Conv2d(inputs // 4, num_classes, 1),
        )


class Network(nn.Module):
    def __init__(self, make_block, head, width, num_classes, depth, aux):
        super().__init__()
        self.pretrained = DeepStemResNet(width, depth, make_block)
        self.head = head
        if aux:
            self.auxlayer = FCNHead(16 * width, num_classes)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Logits at the size of the image; if any, presence and auxiliary logits."""
        features = self.pretrained(image)
        logits, *presence = self.head(features)
        outputs = [enlarge(logits, image.shape[2:]), *presence]
        if hasattr(self, 'auxlayer'):
            outputs.append(self.auxlayer.conv5(features[2]))
        return outputs


class EncNet(Network):
    def __init__(
        self, width, num_classes, codes=32, depth=50, lateral=False, se=True, aux=True
    ):
        inputs = [4 * width * 2**i for i in range(4)]
        head = EncHead(inputs, 8 * width, num_classes, codes, lateral, se)
        super().__init__(encnet_block, head, width, num_classes, depth, aux)


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


def spnet_block(inputs, planes, stage, i, last, spm) -> Bottleneck:
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

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        x = self.trans_layer(features[3])
        return [self.score_layer(self.strip_pool2(self.strip_pool1(x)))]


class SPNet(Network):
    def __init__(
        self, width, num_classes, pools=(20, 12), depth=50, spm=True, aux=True
    ):
        make_block = partial(spnet_block, spm=spm)
        head = SPHead(32 * width, num_classes, pools)
        super().__init__(make_block, head, width, num_classes, depth, aux)
