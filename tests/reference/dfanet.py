"""DFANet, written from Table 1 and Figure 3 of the paper, slowly and plainly.

Where the paper leaves a choice, the reading is R1 (docs/dfanet.md): nothing stands
between the two halves of a separable convolution, the stride and the projection are in
a stage's first block, the decoder has 1 x 1 convolutions.

``weights`` is a state dict of backbone and head. Nothing of mmseg_plugins is used, and
of torch only convolution and batch norm.
"""

import torch
from reference.bilinear import bilinear_matrix
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d

#: Blocks of each stage, and the channels of a block's three convolutions (Table 1).
TABLE_1 = {
    'A': {'enc2': (4, 12, 12, 48), 'enc3': (6, 24, 24, 96), 'enc4': (4, 48, 48, 192)},
    'B': {'enc2': (4, 8, 8, 32), 'enc3': (6, 16, 16, 64), 'enc4': (4, 32, 32, 128)},
}
#: Of the three convolutions in a stage's first block.
STRIDES = (2, 1, 1)


def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def between(x: Tensor) -> Tensor:
    """What stands between the depthwise and the pointwise half: nothing."""
    return x


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    rows, columns = map(bilinear_matrix, x.shape[2:], like.shape[2:])
    return torch.einsum('ih,nchw,jw->ncij', rows, x, columns)


def concat(path: Tensor, skip: Tensor) -> Tensor:
    return torch.cat([path, skip], 1)


class Network:
    """The equations over one state dict, in training (batch statistics) or not."""

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
        return self.conv_bn(between(x), f'{name}.pointwise_conv')

    def shortcut(self, x: Tensor, name: str, first: bool) -> Tensor:
        return self.conv_bn(x, f'{name}.shortcut', stride=2) if first else x

    def block(self, x: Tensor, name: str, widths: list[int], first: bool) -> Tensor:
        out = x
        strides = STRIDES if first else (1, 1, 1)
        for i in range(3):
            out = self.separable(out, f'{name}.conv{i + 1}', strides[i])
            assert out.shape[1] == widths[i]
            if i < 2:
                out = relu(out)
        return relu(out + self.shortcut(x, name, first))

    def stage(self, x: Tensor, name: str, table: tuple[int, ...]) -> Tensor:
        num_blocks, *widths = table
        for i in range(num_blocks):
            x = self.block(x, f'{name}.{i}', widths, first=i == 0)
        return x

    def attend(self, x: Tensor, name: str) -> Tensor:
        classes = x.mean((2, 3)) @ self.weights[f'{name}.fc.weight'].T
        classes = classes + self.weights[f'{name}.fc.bias']
        assert classes.shape[1] == 1000
        share = conv2d(
            classes[:, :, None, None], self.weights[f'{name}.conv.conv.weight']
        )
        if f'{name}.conv.bn.weight' in self.weights:
            share = self.bn(share, f'{name}.conv')
        else:
            share = share + self.weights[f'{name}.conv.conv.bias'][:, None, None]
        return x * share

    def backbone(self, image: Tensor, arch: str, num_subnets: int) -> list[Tensor]:
        """Return enc2 of each sub-network, then the attention of each."""
        table = TABLE_1[arch]
        x = relu(self.conv_bn(image, 'subnets.0.conv1', stride=2))
        lows, highs, before = [], [], {}
        for k in range(num_subnets):
            name = f'subnets.{k}'
            now = {}
            for stage in ('enc2', 'enc3', 'enc4'):
                if before and stage == 'enc2':
                    x = concat(enlarge(before['fca'], before['enc2']), before['enc2'])
                elif before:
                    x = concat(x, before[stage])
                x = now[stage] = self.stage(x, f'{name}.{stage}', table[stage])
            now['fca'] = self.attend(x, f'{name}.fca')
            lows.append(now['enc2'])
            highs.append(now['fca'])
            before = now
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
            fused = sum(enlarge(x, total) for x in lows)
            total = total + relu(self.conv_bn(fused, 'fusion'))
        total = total + sum(enlarge(x, total) for x in highs)
        return conv2d(
            total, self.weights['conv_seg.weight'], self.weights['conv_seg.bias']
        )


def randomise(net: torch.nn.Module) -> None:
    """Give every weight and statistic a value that would be missed if it were not used.

    Activations stay of about one size, and the net becomes float64.
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
