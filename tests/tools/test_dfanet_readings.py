"""The formulas of the documented cost table, against the network itself."""

import pytest
import torch
from tool_modules import import_tool
from torch import nn

from mmseg_plugins import DFANet

readings = import_tool('dfanet_readings', 'tools/benchmarks')
HERE = next(iter(readings.READINGS))


def multiply_adds(net: nn.Module, size: int) -> int:
    """Count those of convolutions and fully connected layers in a forward pass."""
    counts = []

    def count(module, _, output):
        pixels = output[0, 0].numel()
        counts.append(module.weight.numel() * pixels)

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    net(torch.empty(1, 3, size, size, device='meta'))
    return sum(counts)


@pytest.mark.parametrize('num_subnets', [1, 2, 3, 4])
@pytest.mark.parametrize('arch', ['A', 'B'])
def test_the_reading_that_is_ours_counts_as_the_network_does(arch, num_subnets):
    with torch.device('meta'):
        net = DFANet(arch=arch, num_subnets=num_subnets).eval()
    expected = readings.encoder(arch, num_subnets, readings.READINGS[HERE])
    assert multiply_adds(net, 1024) == expected


def test_control_every_other_reading_counts_otherwise():
    counts = {n: readings.encoder('A', 3, r) for n, r in readings.READINGS.items()}
    assert len(set(counts.values())) == len(counts)


def test_ours_is_the_reading_nearest_to_the_paper():
    errors = [row.split()[-2] for row in readings.rows_of_readings()[1:]]
    assert float(errors[0]) == min(map(float, errors)) == 3.5


def test_the_file_of_the_whole_network_has_the_papers_number_in_megabytes():
    row = readings.rows_of_sizes()[-3]
    assert row.startswith('A, 3 sub-networks, 3 low and 3 high levels')
    assert '1.843 M' in row
    assert float(row.split(' MB')[0].split()[-1]) == pytest.approx(7.8, abs=0.05)
