"""SPNet's equations, plainly, on a state dict: the authors' form with its pools.

Strips and squares are adaptive pools, both are enlarged by interpolation, and the two
reducing convolutions of the MPM are two. Nothing of mmseg_plugins or mmcv is used; the
keys are those of mmseg_plugins.

``spoilt`` names one deviation, for the controls: 'swapped strips', 'half-pixel
corners', 'other pools', 'no ReLU after the sum', 'no multi-grid'.
"""

import torch
from torch import Tensor
from torch.nn import functional

STAGE_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
RATES = [[1] * 9, [1] * 9, [1] + [2] * 99, [4, 8, 16]]  # of layer1 to layer4


class SPNet:
    """Functions of the weights in ``state``; their names are those of its modules.

    Args:
        state: A state dict.
        train: Whether batch norm uses the batch's statistics.
        spoilt: See above.
    """

    def __init__(self, state: dict[str, Tensor], train: bool, spoilt: str = '') -> None:
        self.state, self.train, self.spoilt = state, train, spoilt

    def conv(self, x: Tensor, name: str, **how: object) -> Tensor:
        """Convolve."""
        weight, bias = self.state[f'{name}.weight'], self.state.get(f'{name}.bias')
        return functional.conv2d(x, weight, bias, **how)

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Normalise by batch norm."""
        keys = ('running_mean', 'running_var', 'weight', 'bias')
        mean, var, weight, bias = (self.state[f'{name}.{key}'] for key in keys)
        return functional.batch_norm(
            x, mean.clone(), var.clone(), weight, bias, training=self.train
        )

    def conv_norm(self, x: Tensor, name: str, **how: object) -> Tensor:
        """Convolve and normalise."""
        return self.norm(self.conv(x, f'{name}.conv', **how), f'{name}.bn')

    def strips(self, x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Pool to (H, 1) and (1, W) and convolve along the strip."""
        column = functional.adaptive_avg_pool2d(x, (None, 1))
        row = functional.adaptive_avg_pool2d(x, (1, None))
        if self.spoilt == 'swapped strips':  # as the authors' code before May 2020
            column, row = column.mT, row.mT
            column = self.conv_norm(column, f'{name}horizontal', padding=(0, 1)).mT
            return column, self.conv_norm(row, f'{name}vertical', padding=(1, 0)).mT
        column = self.conv_norm(column, f'{name}vertical', padding=(1, 0))
        return column, self.conv_norm(row, f'{name}horizontal', padding=(0, 1))

    def enlarge(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Enlarge bilinearly, corner on corner."""
        aligned = self.spoilt != 'half-pixel corners'
        return functional.interpolate(x, size, mode='bilinear', align_corners=aligned)

    def relu_of_sum(self, x: Tensor) -> Tensor:
        """Rectify the sum of the strips."""
        return x if self.spoilt == 'no ReLU after the sum' else functional.relu(x)

    def spm(self, x: Tensor, name: str = '') -> Tensor:
        """The strip pooling module, Eq. 1 to 4."""
        column, row = self.strips(x, name)
        total = column.expand_as(x) + row.expand_as(x)
        gate = self.conv(self.relu_of_sum(total), f'{name}gate')
        return x * torch.sigmoid(gate)

    def mpm(self, x: Tensor, pools: tuple[int, ...], name: str = '') -> Tensor:
        """The mixed pooling module."""
        if self.spoilt == 'other pools':
            pools = pools[::-1]
        relu, size = functional.relu, x.shape[2:]
        weight = self.state[f'{name}reduce.conv.weight'].chunk(2)
        keys = ('running_mean', 'running_var', 'weight', 'bias')
        norms = [self.state[f'{name}reduce.bn.{key}'].chunk(2) for key in keys]
        short, long = (
            relu(
                functional.batch_norm(
                    functional.conv2d(x, weight[i]),
                    *(part[i].clone() for part in norms),
                    training=self.train,
                )
            )
            for i in range(2)
        )
        total = self.conv_norm(short, f'{name}local', padding=1)
        for i, pool in enumerate(pools):
            squares = functional.adaptive_avg_pool2d(short, (pool, pool))
            squares = self.conv_norm(squares, f'{name}pools.{i}', padding=1)
            total = total + self.enlarge(squares, size)
        short = relu(self.conv_norm(relu(total), f'{name}fuse_short', padding=1))
        column, row = self.strips(long, name)
        total = self.relu_of_sum(self.enlarge(column, size) + self.enlarge(row, size))
        long = relu(self.conv_norm(total, f'{name}fuse_long', padding=1))
        fused = self.conv_norm(torch.cat([short, long], 1), f'{name}fuse')
        return relu(x + fused)

    def stem(self, x: Tensor) -> Tensor:
        """Three 3 x 3 convolutions, the first of stride 2, and a pool."""
        for i, (conv, norm) in enumerate([(0, 1), (3, 4), (6, 7)]):
            x = self.conv(x, f'stem.{conv}', padding=1, stride=1 if i else 2)
            x = functional.relu(self.norm(x, f'stem.{norm}'))
        return functional.max_pool2d(x, 3, 2, 1)

    def bottleneck(self, x: Tensor, name: str, stride: int, rate: int) -> Tensor:
        """A residual block, with an SPM where the state has one."""
        relu, out = functional.relu, x
        out = relu(self.norm(self.conv(out, f'{name}.conv1'), f'{name}.bn1'))
        how = dict(stride=stride, padding=rate, dilation=rate)
        out = relu(self.norm(self.conv(out, f'{name}.conv2', **how), f'{name}.bn2'))
        if f'{name}.spm.gate.weight' in self.state:
            out = self.spm(out, f'{name}.spm.')
        out = self.norm(self.conv(out, f'{name}.conv3'), f'{name}.bn3')
        if f'{name}.downsample.0.weight' in self.state:
            x = self.conv(x, f'{name}.downsample.0', stride=stride)
            x = self.norm(x, f'{name}.downsample.1')
        return relu(out + x)

    def backbone(self, x: Tensor, depth: int) -> list[Tensor]:
        """The dilated ResNet, its four stages."""
        x, levels = self.stem(x), []
        for stage, count in enumerate(STAGE_BLOCKS[depth]):
            rates = RATES[stage]
            if stage == 3 and self.spoilt == 'no multi-grid':
                rates = [2, 4, 4]
            for i in range(count):
                stride = 2 if (stage, i) == (1, 0) else 1
                x = self.bottleneck(x, f'layer{stage + 1}.{i}', stride, rates[i])
            levels.append(x)
        return levels

    def head(self, x: Tensor, pools: tuple[int, ...], num_modules: int) -> Tensor:
        """Reduce, pass the mixed pooling modules, classify; no dropout."""
        x = functional.relu(self.conv_norm(x, 'reduction'))
        for i in range(num_modules):
            x = self.mpm(x, pools, f'mpms.{i}.')
        x = functional.relu(self.conv_norm(x, 'bottleneck', padding=1))
        return self.conv(x, 'conv_seg')
