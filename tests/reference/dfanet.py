"""DFANet, written from Table 1 and Figure 3 of the paper, without mmseg_plugins.

Where the paper leaves a choice, this follows the reading R1 of docs/dfanet.md: there is
nothing between the two halves of a separable convolution, the first block of a stage
has the stride and the projection, the decoder has 1 x 1 convolutions. Tests replace
single functions and tables to get another reading.
"""

import torch
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d

from tests.reference.bilinear import bilinear_matrix

#: Channels of the three convolutions in each stage's blocks (Table 1).
WIDTHS = {
    'A': {'enc2': (12, 12, 48), 'enc3': (24, 24, 96), 'enc4': (48, 48, 192)},
    'B': {'enc2': (8, 8, 32), 'enc3': (16, 16, 64), 'enc4': (32, 32, 128)},
}
#: Blocks of enc2, enc3 and enc4 (Table 1).
NUM_BLOCKS = (4, 6, 4)
#: Strides of the three convolutions in a stage's first block.
STRIDES = (2, 1, 1)


def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def after_depthwise(x: Tensor) -> Tensor:
    return x


def upsample(x: Tensor, like: Tensor) -> Tensor:
    rows, columns = map(bilinear_matrix, x.shape[2:], like.shape[2:])
    return torch.einsum('ih,nchw,jw->ncij', rows, x, columns)


def concat(path: Tensor, skip: Tensor) -> Tensor:
    return torch.cat([path, skip], 1)


class Network:
    """The equations of a backbone or a head.

    Args:
        weights: State dict of the backbone or the head.
        training: Whether batch norm uses the statistics of the batch.
    """

    def __init__(self, weights: dict[str, Tensor], training: bool) -> None:
        self.weights = weights
        self.training = training

    def conv_bn(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        kernel = self.weights[f'{name}.conv.weight']
        x = conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        return self.bn(x, name)

    def bn(self, x: Tensor, name: str) -> Tensor:
        mean, variance, scale, shift = (
            self.weights[f'{name}.bn.{part}'].clone()
            for part in ('running_mean', 'running_var', 'weight', 'bias')
        )
        return batch_norm(x, mean, variance, scale, shift, self.training)

    def separable(self, x: Tensor, name: str, stride: int) -> Tensor:
        kernel = self.weights[f'{name}.depthwise_conv.conv.weight']
        x = conv2d(x, kernel, stride=stride, padding=1, groups=x.shape[1])
        return self.conv_bn(after_depthwise(x), f'{name}.pointwise_conv')

    def shortcut(self, x: Tensor, name: str, first: bool) -> Tensor:
        return self.conv_bn(x, f'{name}.shortcut', stride=2) if first else x

    def block(self, x: Tensor, name: str, widths: tuple, first: bool) -> Tensor:
        out = x
        strides = STRIDES if first else (1, 1, 1)
        for i in range(3):
            out = self.separable(out, f'{name}.conv{i + 1}', strides[i])
            assert out.shape[1] == widths[i]
            if i < 2:
                out = relu(out)
        return relu(out + self.shortcut(x, name, first))

    def stage(self, x: Tensor, name: str, num_blocks: int, widths: tuple) -> Tensor:
        for i in range(num_blocks):
            x = self.block(x, f'{name}.{i}', widths, first=i == 0)
        return x

    def attend(self, x: Tensor, name: str) -> Tensor:
        classes = x.mean((2, 3)) @ self.weights[f'{name}.fc.weight'].T
        classes = classes + self.weights[f'{name}.fc.bias']
        assert classes.shape[1] == 1000
        factors = conv2d(
            classes[:, :, None, None], self.weights[f'{name}.conv.conv.weight']
        )
        if f'{name}.conv.bn.weight' in self.weights:
            factors = self.bn(factors, f'{name}.conv')
        else:
            factors = factors + self.weights[f'{name}.conv.conv.bias'][:, None, None]
        return x * factors

    def backbone(self, image: Tensor, arch: str, num_subnets: int) -> list[Tensor]:
        """Return enc2 of each sub-network, then the attention of each."""
        x = relu(self.conv_bn(image, 'conv1', stride=2))
        lows, highs, previous = [], [], {}
        for k in range(num_subnets):
            maps = {}
            for (stage, widths), num_blocks in zip(
                WIDTHS[arch].items(), NUM_BLOCKS, strict=True
            ):
                if previous and stage == 'enc2':
                    x = upsample(previous['fca'], like=previous['enc2'])
                if previous:
                    x = concat(x, previous[stage])
                name = f'subnets.{k}.{stage}'
                x = maps[stage] = self.stage(x, name, num_blocks, widths)
            maps['fca'] = self.attend(x, f'subnets.{k}.fca')
            lows.append(maps['enc2'])
            highs.append(maps['fca'])
            previous = maps
        return lows + highs

    def head(self, levels: list[Tensor], num_low: int) -> Tensor:
        """Return the logits, of the first level's size."""
        lows = [
            relu(self.conv_bn(level, f'low_convs.{i}'))
            for i, level in enumerate(levels[:num_low])
        ]
        highs = [
            relu(self.conv_bn(level, f'high_convs.{i}'))
            for i, level in enumerate(levels[num_low:])
        ]
        total = torch.zeros_like((lows + highs)[0])
        if lows:
            fused = sum(upsample(x, like=total) for x in lows)
            total = total + relu(self.conv_bn(fused, 'fusion'))
        total = total + sum(upsample(x, like=total) for x in highs)
        return conv2d(
            total, self.weights['conv_seg.weight'], self.weights['conv_seg.bias']
        )


def randomise(net: torch.nn.Module) -> None:
    """Make a net float64 and give each weight and statistic a value of its own.

    An unused weight then changes the result. Activations keep about one size.
    """
    net.double()
    for name, value in net.state_dict().items():
        if name.endswith('running_var'):
            value.uniform_(0.5, 2)
        elif name.endswith('bn.weight'):
            value.uniform_(0.5, 1.5)
        elif value.dim() > 1:
            value.normal_(std=value[0].numel() ** -0.5)
        elif value.is_floating_point():
            value.normal_(std=0.3)
