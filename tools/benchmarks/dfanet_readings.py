"""What the readings of DFANet's Table 1 cost, and how large our checkpoints are.

python tools/benchmarks/dfanet_readings.py

The first table compares the multiply-adds of each reading, counted by formula for the
encoders of 1 to 4 sub-networks at 1024 x 1024, with the paper's Table 3. The second
puts the size of our state dict on disk beside the paper's column "Params".
"""

import io

import torch
from mmengine.registry import init_default_scope
from torch import nn

from mmseg_plugins import DFAHead, DFANet

WIDTHS = {'A': (48, 96, 192), 'B': (32, 64, 128)}
#: The paper's Table 3: GFLOPs at 1024 x 1024, "Params" in M, of 1 to 4 sub-networks.
GFLOPS = {'A': (1.6, 2.4, 2.6, 2.7), 'B': (0.83, 1.2, 1.4, 1.5)}
PARAMS = {'A': (2.1, 4.9, 7.6, 10.2), 'B': (1.4, 3.1, 4.7, 6.3)}
#: The paper's Table 4: arch, sub-networks, low levels, high levels, "Params" in M.
DECODERS = (
    ('A', 2, 0, 2, 5.0),
    ('A', 2, 2, 2, 5.1),
    ('A', 3, 0, 3, 7.7),
    ('A', 3, 3, 3, 7.8),
    ('B', 3, 0, 3, 4.9),
    ('B', 3, 3, 3, 4.9),
)


def block(
    inputs: int, outputs: int, before: int, after: int, first: bool, rule: dict
) -> int:
    """Count a block of three separable convolutions, from ``before`` to ``after``."""
    middle = outputs // 4
    widths = ((inputs, middle), (middle, middle), (middle, outputs))
    total = 0
    for index, (width, wider) in enumerate(widths):
        pixels = after if index >= rule['stride'] else before
        total += (9 * width + width * wider) * pixels
    if rule['shortcut'] == 'all' or (rule['shortcut'] == 'first' and first):
        total += inputs * outputs * after
    return total


def encoder(arch: str, num_subnets: int, rule: dict) -> int:
    """Count the encoder at 1024 x 1024."""
    c2, c3, c4 = WIDTHS[arch]
    total = 27 * 8 * 512**2
    inputs, side = (8, c2, c3), 512
    for _ in range(num_subnets):
        size = side
        for width, given, repeats in zip(
            WIDTHS[arch], inputs, rule.get('blocks', (4, 6, 4)), strict=True
        ):
            after = (size // 2) ** 2
            total += block(given, width, size**2, after, True, rule)
            total += (repeats - 1) * block(width, width, after, after, False, rule)
            size //= 2
        total += 2 * 1000 * c4
        inputs, side = (c4 + c2, c2 + c3, c3 + c4), side // 2
    return total


#: Where the first block strides (3: a max-pool behind), which blocks have a projection.
READINGS = {
    'first convolution strides, projection where it does (here)': dict(
        stride=0, shortcut='first'
    ),
    'second strides, no projection': dict(stride=1, shortcut='none'),
    'third strides, no projection, 3/6/3 blocks': dict(
        stride=2, shortcut='none', blocks=(3, 6, 3)
    ),
    'third strides, projection where it does': dict(stride=2, shortcut='first'),
    'max-pool behind, projection where it is': dict(stride=3, shortcut='first'),
    'first strides, projection in every block': dict(stride=0, shortcut='all'),
}


def megabytes(*modules: nn.Module) -> float:
    """Measure the modules' state dict as torch.save writes it."""
    file = io.BytesIO()
    torch.save(nn.ModuleList(modules).state_dict(), file)
    return file.getbuffer().nbytes / 1e6


def head(arch: str, num_subnets: int, lows: int, highs: int) -> nn.Module:
    """Make the decoder of 19 classes that takes so many levels."""
    c2, _, c4 = WIDTHS[arch]
    index = [*range(lows), *range(num_subnets, num_subnets + highs)]
    return DFAHead(
        in_channels=[c2] * lows + [c4] * highs,
        in_index=index,
        num_low=lows,
        num_classes=19,
    )


def rows_of_readings() -> list[str]:
    """Return a row of GMACs and the mean error for each reading."""
    paper = [*GFLOPS['A'], *GFLOPS['B']]
    rows = [f'{"paper":60}' + ''.join(f'{value:7.2f}' for value in paper)]
    for name, rule in READINGS.items():
        found = [encoder(arch, n, rule) / 1e9 for arch in 'AB' for n in range(1, 5)]
        errors = [abs(f / p - 1) for f, p in zip(found, paper, strict=True)]
        numbers = ''.join(f'{value:7.2f}' for value in found)
        rows.append(f'{name:60}{numbers}  {100 * sum(errors) / len(errors):5.1f} %')
    return rows


def rows_of_sizes() -> list[str]:
    """Return parameters, size on disk and the paper's number for each network."""
    nets = [
        (
            f'{arch}, {n} sub-networks',
            PARAMS[arch][n - 1],
            DFANet(arch=arch, num_subnets=n),
        )
        for arch in 'AB'
        for n in range(1, 5)
    ]
    rows = [(name, paper, (net,)) for name, paper, net in nets]
    for arch, n, lows, highs, paper in DECODERS:
        name = f'{arch}, {n} sub-networks, {lows} low and {highs} high levels'
        parts = (DFANet(arch=arch, num_subnets=n), head(arch, n, lows, highs))
        rows.append((name, paper, parts))
    return [
        f'{name:44}{sum(p.numel() for m in parts for p in m.parameters()) / 1e6:7.3f} M'
        f'{megabytes(*parts):8.2f} MB   paper {paper}'
        for name, paper, parts in rows
    ]


if __name__ == '__main__':
    init_default_scope('mmseg')
    print('\n'.join([*rows_of_readings(), '', *rows_of_sizes()]))
