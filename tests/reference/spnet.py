"""The equations of SPNet in the authors' form, without mmseg_plugins or mmcv.

Strips and squares are adaptive pools, and both are upsampled by interpolation. The keys
of the state dict are those of mmseg_plugins.
"""

import torch
from torch import Tensor
from torch.nn import functional

STAGE_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
#: Dilations of the blocks of layer1 to layer4.
DILATIONS = [[1] * 9, [1] * 9, [1] + [2] * 99, [4, 8, 16]]


class SPNet:
    """Functions of the weights in a state dict.

    Args:
        state: State dict of the module to compare with.
        train: Whether batch norm uses the statistics of the batch.
        deviation: A mistake for the controls: 'swapped strips', 'half-pixel corners',
            'other pools', 'no ReLU after the sum' or 'no multi-grid'.
        part: Prefix of the keys to use.
    """

    def __init__(
        self,
        state: dict[str, Tensor],
        train: bool,
        deviation: str = '',
        part: str = '',
    ) -> None:
        self.state = {
            key.removeprefix(part): value
            for key, value in state.items()
            if key.startswith(part)
        }
        self.train, self.deviation = train, deviation

    def conv(self, x: Tensor, name: str, **kwargs: object) -> Tensor:
        weight, bias = self.state[f'{name}.weight'], self.state.get(f'{name}.bias')
        return functional.conv2d(x, weight, bias, **kwargs)

    def norm(self, x: Tensor, name: str) -> Tensor:
        keys = ('running_mean', 'running_var', 'weight', 'bias')
        mean, var, weight, bias = (self.state[f'{name}.{key}'] for key in keys)
        return functional.batch_norm(
            x, mean.clone(), var.clone(), weight, bias, training=self.train
        )

    def conv_norm(self, x: Tensor, name: str, **kwargs: object) -> Tensor:
        return self.norm(self.conv(x, f'{name}.conv', **kwargs), f'{name}.bn')

    def strips(self, x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Pool to (H, 1) and (1, W) and convolve along the strip."""
        column = functional.adaptive_avg_pool2d(x, (None, 1))
        row = functional.adaptive_avg_pool2d(x, (1, None))
        if self.deviation == 'swapped strips':  # as the authors' code before May 2020
            column, row = column.mT, row.mT
            column = self.conv_norm(column, f'{name}horizontal', padding=(0, 1)).mT
            return column, self.conv_norm(row, f'{name}vertical', padding=(1, 0)).mT
        column = self.conv_norm(column, f'{name}vertical', padding=(1, 0))
        return column, self.conv_norm(row, f'{name}horizontal', padding=(0, 1))

    def upsample(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        aligned = self.deviation != 'half-pixel corners'
        return functional.interpolate(x, size, mode='bilinear', align_corners=aligned)

    def relu_of_strips(self, x: Tensor) -> Tensor:
        return x if self.deviation == 'no ReLU after the sum' else functional.relu(x)

    def spm(self, x: Tensor, name: str = '') -> Tensor:
        """Apply the strip pooling module, Eq. 1 to 4."""
        column, row = self.strips(x, name)
        total = self.upsample(column, x.shape[2:]) + self.upsample(row, x.shape[2:])
        gate = self.conv(self.relu_of_strips(total), f'{name}gate')
        return x * torch.sigmoid(gate)

    def mpm(self, x: Tensor, pools: tuple[int, ...], name: str = '') -> Tensor:
        """Apply the mixed pooling module."""
        if self.deviation == 'other pools':
            pools = pools[::-1]
        relu, size = functional.relu, x.shape[2:]
        short = relu(self.conv_norm(x, f'{name}reduce_short'))
        total = self.conv_norm(short, f'{name}local', padding=1)
        for i, pool in enumerate(pools):
            squares = functional.adaptive_avg_pool2d(short, (pool, pool))
            squares = self.conv_norm(squares, f'{name}pools.{i}', padding=1)
            total = total + self.upsample(squares, size)
        short = relu(self.conv_norm(relu(total), f'{name}fuse_short', padding=1))
        column, row = self.strips(relu(self.conv_norm(x, f'{name}reduce_long')), name)
        total = self.upsample(column, size) + self.upsample(row, size)
        total = self.relu_of_strips(total)
        long = relu(self.conv_norm(total, f'{name}fuse_long', padding=1))
        fused = self.conv_norm(torch.cat([short, long], 1), f'{name}fuse')
        return relu(x + fused)

    def stem(self, x: Tensor) -> Tensor:
        """Apply three 3 x 3 convolutions, the first of stride 2, and a pool."""
        for i, (conv, norm) in enumerate([(0, 1), (3, 4), (6, 7)]):
            x = self.conv(x, f'stem.{conv}', padding=1, stride=1 if i else 2)
            x = functional.relu(self.norm(x, f'stem.{norm}'))
        return functional.max_pool2d(x, 3, 2, 1)

    def bottleneck(self, x: Tensor, name: str, stride: int, dilation: int) -> Tensor:
        """Apply a residual block, with an SPM if the state dict has one."""
        relu, out = functional.relu, x
        out = relu(self.norm(self.conv(out, f'{name}.conv1'), f'{name}.bn1'))
        kwargs = dict(stride=stride, padding=dilation, dilation=dilation)
        out = relu(self.norm(self.conv(out, f'{name}.conv2', **kwargs), f'{name}.bn2'))
        if f'{name}.spm.gate.weight' in self.state:
            out = self.spm(out, f'{name}.spm.')
        out = self.norm(self.conv(out, f'{name}.conv3'), f'{name}.bn3')
        if f'{name}.downsample.0.weight' in self.state:
            x = self.conv(x, f'{name}.downsample.0', stride=stride)
            x = self.norm(x, f'{name}.downsample.1')
        return relu(out + x)

    def backbone(self, x: Tensor, depth: int) -> list[Tensor]:
        """Return the four stages of the dilated ResNet."""
        x, levels = self.stem(x), []
        for stage, num_blocks in enumerate(STAGE_BLOCKS[depth]):
            dilations = DILATIONS[stage]
            if stage == 3 and self.deviation == 'no multi-grid':
                dilations = [2, 4, 4]
            for i in range(num_blocks):
                stride = 2 if (stage, i) == (1, 0) else 1
                x = self.bottleneck(x, f'layer{stage + 1}.{i}', stride, dilations[i])
            levels.append(x)
        return levels

    def head(self, x: Tensor, pools: tuple[int, ...], num_modules: int) -> Tensor:
        """Return the logits, without dropout."""
        x = functional.relu(self.conv_norm(x, 'reduction'))
        for i in range(num_modules):
            x = self.mpm(x, pools, f'mpms.{i}.')
        x = functional.relu(self.conv_norm(x, 'bottleneck', padding=1))
        return self.conv(x, 'conv_seg')
