"""What each reading of DFANet's Table 1 costs, and how large the networks' files are.

python tests/reference/dfanet_readings.py

First: multiply-adds of the encoders of 1 to 4 sub-networks at 1024 x 1024, counted by
formula, beside the paper's Table 3. Second: the size of our state dict on disk, beside
"Params" of Tables 3 and 4. docs/dfanet.md shows both.
"""

import io

import torch
from mmengine.registry import init_default_scope

from mmseg_plugins import DFAHead, DFANet

WIDTHS = {'A': (48, 96, 192), 'B': (32, 64, 128)}
#: GFLOPs of 1 to 4 sub-networks at 1024 x 1024, by the paper.
PAPER_GFLOPS = {'A': (1.6, 2.4, 2.6, 2.7), 'B': (0.83, 1.2, 1.4, 1.5)}
#: Arch, sub-networks, low levels and high levels of the decoder, "Params" of the paper.
PAPER_PARAMS = (
    *(('A', n, 0, 0, size) for n, size in enumerate((2.1, 4.9, 7.6, 10.2), 1)),
    *(('B', n, 0, 0, size) for n, size in enumerate((1.4, 3.1, 4.7, 6.3), 1)),
    ('A', 2, 0, 2, 5.0),
    ('A', 2, 2, 2, 5.1),
    ('A', 3, 0, 3, 7.7),
    ('A', 3, 3, 3, 7.8),
    ('B', 3, 0, 3, 4.9),
    ('B', 3, 3, 3, 4.9),
)
#: By name: which convolution of the first block strides (3: a max-pool after them),
#: which blocks have a projection as shortcut, and how many blocks each stage has.
READINGS = {
    'first strides, projection in the first block (ours)': (0, 'first', (4, 6, 4)),
    'second strides, no projection': (1, 'none', (4, 6, 4)),
    'third strides, no projection, 3/6/3 blocks': (2, 'none', (3, 6, 3)),
    'third strides, projection in the first block': (2, 'first', (4, 6, 4)),
    'max-pool, projection in the first block': (3, 'first', (4, 6, 4)),
    'first strides, projection in every block': (0, 'all', (4, 6, 4)),
}
OURS = next(iter(READINGS))


def count_block(c_in: int, c_out: int, before: int, after: int, striding: int) -> int:
    """Count three separable convolutions, on ``before`` cells until one strides."""
    narrow = c_out // 4
    widths = ((c_in, narrow), (narrow, narrow), (narrow, c_out))
    costs = [9 * left + left * right for left, right in widths]
    return before * sum(costs[:striding]) + after * sum(costs[striding:])


def count_encoder(arch: str, num_subnets: int, reading: str) -> int:
    """Count the multiply-adds of an encoder at 1024 x 1024."""
    striding, projections, repeats = READINGS[reading]
    c2, c3, c4 = WIDTHS[arch]
    total = 27 * 8 * 512**2  # conv1
    inputs, first_side = (8, c2, c3), 512
    for _ in range(num_subnets):
        side = first_side
        for c_in, width, blocks in zip(inputs, WIDTHS[arch], repeats, strict=True):
            before, after = side**2, (side // 2) ** 2
            total += count_block(c_in, width, before, after, striding)
            total += (blocks - 1) * count_block(width, width, after, after, striding)
            if projections != 'none':
                total += c_in * width * after
            if projections == 'all':
                total += (blocks - 1) * width * width * after
            side //= 2
        total += 2 * 1000 * c4  # fully connected attention
        inputs, first_side = (c4 + c2, c2 + c3, c3 + c4), first_side // 2
    return total


def rows_of_readings() -> list[str]:
    """Return GMACs and the mean error of each reading."""
    paper = [*PAPER_GFLOPS['A'], *PAPER_GFLOPS['B']]
    rows = [f'{"paper":54}' + ''.join(f'{value:6.2f}' for value in paper)]
    for reading in READINGS:
        counts = [count_encoder(a, n, reading) / 1e9 for a in 'AB' for n in range(1, 5)]
        errors = [abs(c / p - 1) for c, p in zip(counts, paper, strict=True)]
        numbers = ''.join(f'{count:6.2f}' for count in counts)
        rows.append(f'{reading:54}{numbers}{100 * sum(errors) / len(errors):6.1f} %')
    return rows


def rows_of_sizes() -> list[str]:
    """Return parameters, size on disk and the paper's number of each network."""
    rows = []
    for arch, subnets, low, high, paper in PAPER_PARAMS:
        net = torch.nn.ModuleList([DFANet(arch=arch, num_subnets=subnets)])
        if high:
            head = DFAHead(
                in_channels=[WIDTHS[arch][0]] * low + [WIDTHS[arch][2]] * high,
                in_index=[*range(low), *range(subnets, subnets + high)],
                num_low=low,
                num_classes=19,
            )
            net.append(head)
        file = io.BytesIO()
        torch.save(net.state_dict(), file)
        parameters = sum(p.numel() for p in net.parameters()) / 1e6
        name = f'{arch}, {subnets} sub-networks, {low} low and {high} high levels'
        megabytes = file.getbuffer().nbytes / 1e6
        rows.append(f'{name:44}{parameters:7.3f} M{megabytes:7.2f} MB, paper {paper}')
    return rows


if __name__ == '__main__':
    init_default_scope('mmseg')
    print('\n'.join([*rows_of_readings(), '', *rows_of_sizes()]))
