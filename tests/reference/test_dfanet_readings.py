"""The formulas of the documented cost table, against the network itself."""

import pytest
import torch
from torch import nn

from mmseg_plugins import DFANet
from tests.reference import dfanet_readings as readings


def multiply_adds(net: nn.Module, size: int) -> int:
    """Count those of convolutions and fully connected layers in a forward pass."""
    counts = []

    def count(module, _, output):
        counts.append(module.weight.numel() * output[0, 0].numel())

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    net(torch.empty(1, 3, size, size, device='meta'))
    return sum(counts)


@pytest.mark.parametrize('num_subnets', [1, 2, 3, 4])
@pytest.mark.parametrize('arch', ['A', 'B'])
def test_our_reading_has_the_cost_of_the_network(arch, num_subnets):
    with torch.device('meta'):
        net = DFANet(arch=arch, num_subnets=num_subnets).eval()
    cost = multiply_adds(net, 1024)
    assert readings.count_encoder(arch, num_subnets, readings.OURS) == cost
    others = readings.READINGS.keys() - {readings.OURS}  # control
    assert all(readings.count_encoder(arch, num_subnets, r) != cost for r in others)


def test_our_reading_is_nearest_to_the_paper():
    errors = [float(row.split()[-2]) for row in readings.rows_of_readings()[1:]]
    assert errors[0] == min(errors) == 3.5


def test_the_file_of_the_whole_network_has_the_papers_number_in_megabytes():
    row = readings.rows_of_sizes()[-3]
    assert row.startswith('A, 3 sub-networks, 3 low and 3 high levels')
    assert '1.843 M' in row
    assert float(row.split(' MB')[0].split()[-1]) == pytest.approx(7.8, abs=0.05)
