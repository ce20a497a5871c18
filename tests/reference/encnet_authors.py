"""The authors' EncNet, plainly, with the names of their state dict and any width.

Written from the layout of zhanghang1989/PyTorch-Encoding of v0.4.5 and later; nothing
of mmseg or mmseg_plugins is used. The encoding layer is the paper's sum over pixels.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tests.reference.encnet import encode

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


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


def make_block(inputs, planes, stage, i, last) -> Bottleneck:
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

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoding(x).mean(1)
        return (x + x * self.fc(code)[..., None, None]).relu(), code


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

    def forward(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        x = self.conv5(features[3])
        if len(self.connect):
            lateral = [f(x) for f, x in zip(self.connect, features[1:3], strict=True)]
            x = self.fusion(torch.cat([x, *lateral], 1))
        x, code = self.encmodule(x)
        return self.conv6(x), code


class FCNHead(nn.Module):
    def __init__(self, inputs: int, num_classes: int):
        super().__init__()
        self.conv5 = nn.Sequential(
            *conv_norm(inputs, inputs // 4, 3),
            nn.Dropout(0.1),
            nn.Conv2d(inputs // 4, num_classes, 1),
        )


class EncNet(nn.Module):
    """``width`` is 64 in the published ones."""

    def __init__(
        self, width, num_classes, codes=32, depth=50, lateral=False, se=True, aux=True
    ):
        super().__init__()
        self.pretrained = DeepStemResNet(width, depth, make_block)
        inputs = [4 * width * 2**i for i in range(4)]
        self.head = EncHead(inputs, 8 * width, num_classes, codes, lateral, se)
        if aux:
            self.auxlayer = FCNHead(inputs[2], num_classes)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Logits at the size of the image; if any, presence and auxiliary logits."""
        features = self.pretrained(image)
        logits, code = self.head(features)
        size = image.shape[2:]
        resized = interpolate(logits, size, mode='bilinear', align_corners=True)
        outputs = [resized]
        if hasattr(self.head.encmodule, 'selayer'):
            outputs.append(self.head.encmodule.selayer(code))
        if hasattr(self, 'auxlayer'):
            outputs.append(self.auxlayer.conv5(features[2]))
        return outputs
