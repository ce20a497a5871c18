"""Two processes have the gradients of one process that sees both their batches.

torch's SyncBatchNorm refuses the CPU, so that a stand-in computes its statistics here:
what is shown is that nothing else in a network depends on how a batch is split.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import torch
from cases import NETWORKS
from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, distributed, nn
from two_processes import run_in_two

import mmseg_plugins  # noqa: F401

SIZE = (64, 96)
PER_PROCESS = 2
NUM_CLASSES = 5
SPNET = dict(
    backbone=dict(
        type='mmseg_plugins.SPNetResNet', depth=18, stem_channels=4, base_channels=4
    ),
    decode_head=dict(
        type='mmseg_plugins.StripPoolingHead',
        in_channels=32,
        in_index=3,
        reduce_channels=16,
        channels=8,
        pool_sizes=(4, 3),
        num_classes=5,
    ),
)
CASES = {name: NETWORKS[name] for name in ('fcn-8s', 'encnet', 'dfanet')}
CASES['spnet'] = SPNET
Gradients = dict[str, Tensor]
pytestmark = pytest.mark.slow
every_network = pytest.mark.parametrize('name', CASES)


class SumOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return SumOverProcesses.apply(gradient)


class StandIn(nn.modules.batchnorm._BatchNorm):
    """Normalises by the statistics of all processes, as CUDA's SyncBatchNorm does."""

    def forward(self, x: Tensor) -> Tensor:
        axes = [axis for axis in range(x.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(x.dim())]
        count = distributed.get_world_size() * x.numel() / x.shape[1]
        mean = SumOverProcesses.apply(x.sum(axes)) / count
        centred = x - mean.view(shape)
        variance = SumOverProcesses.apply(centred.square().sum(axes)) / count
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale.view(shape) + self.bias.view(shape)


def on_cpu(model: nn.Module) -> nn.Module:
    """Give each SyncBatchNorm of a model the stand-in's forward."""
    for module in model.modules():
        if isinstance(module, nn.SyncBatchNorm):
            module.__class__ = StandIn
    return model


def build(name: str, norm: str = 'SyncBN') -> nn.Module:
    """Build a small network in float64, the same each time, without dropout."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    cfg = deepcopy(CASES[name])
    for part in cfg.values():
        part['norm_cfg'] = dict(type=norm)
    cfg['decode_head']['loss_decode'] = dict(
        type='CrossEntropyLoss', avg_non_ignore=True
    )
    model = MODELS.build(dict(type='EncoderDecoder', **cfg)).double().train()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
    with torch.no_grad():  # some layers begin at zero and would send nothing back
        for weight in model.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    return model


def batches(ignored: int = 0) -> Iterator[tuple[Tensor, list[SegDataSample]]]:
    """Make two joined batches; the first images have ``ignored`` rows without label."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(2):
        number = 2 * PER_PROCESS
        images = torch.randn(number, 3, *SIZE, dtype=torch.double, generator=generator)
        labels = torch.randint(NUM_CLASSES, (number, 1, *SIZE), generator=generator)
        labels[:PER_PROCESS, :, :ignored] = 255
        yield images, [SegDataSample(gt_sem_seg=PixelData(data=x)) for x in labels]


def gradients(model: nn.Module, own: slice, ignored: int = 0) -> list[Gradients]:
    """Return the gradients of two steps, on the images that ``own`` picks."""
    plain = model.module if isinstance(model, MMDistributedDataParallel) else model
    steps = []
    for images, samples in batches(ignored):
        loss, _ = plain.parse_losses(model(images[own], samples[own], mode='loss'))
        model.zero_grad()
        loss.backward()
        steps.append({k: v.grad for k, v in plain.named_parameters()})
    return steps


def wrap(model: nn.Module) -> nn.Module:
    return MMDistributedDataParallel(
        model, broadcast_buffers=False, find_unused_parameters=False
    )


def spare_parameter(own: slice) -> str:
    """Return what is said about a parameter that takes no part in the loss."""
    model = build('fcn-8s', 'BN')
    model.spare = nn.Parameter(torch.zeros(1))
    try:
        gradients(wrap(model), own)
    except RuntimeError as error:
        return str(error)
    return ''


def train_in_a_process(rank: int) -> dict[tuple[str, str], Any]:
    """Return what one of the two processes computes, by network and kind of run."""
    own = slice(rank * PER_PROCESS, (rank + 1) * PER_PROCESS)
    results = {}
    for name in CASES:
        results[name, 'synchronised'] = gradients(wrap(on_cpu(build(name))), own)
        results[name, 'own statistics'] = gradients(wrap(build(name, 'BN')), own)
        results[name, 'not averaged'] = gradients(on_cpu(build(name)), own)
    results['fcn-8s', 'ignored'] = gradients(
        wrap(on_cpu(build('fcn-8s'))), own, ignored=32
    )
    results['fcn-8s', 'spare'] = spare_parameter(own)
    return results


@pytest.fixture(scope='module')
def processes(tmp_path_factory) -> list[dict]:
    return run_in_two(train_in_a_process, tmp_path_factory.mktemp('ddp'))


@pytest.fixture(scope='module')
def joined() -> dict[str, list[Gradients]]:
    """What one process computes on both batches, as the host builds it for one."""
    return {name: one_process(name) for name in CASES}


def one_process(name: str, ignored: int = 0) -> list[Gradients]:
    return gradients(revert_sync_batchnorm(build(name)), slice(None), ignored)


def difference(found: list[Gradients], expected: list[Gradients]) -> float:
    """Return the largest difference, relative to its parameter's largest gradient.

    A gradient that is zero but for rounding, as that of a bias before a batch norm, is
    held against the largest of the network.
    """
    worst = 0.0
    for step, truth in zip(found, expected, strict=True):
        assert step.keys() == truth.keys()
        floor = 1e-6 * max(float(value.abs().max()) for value in truth.values())
        for key, value in truth.items():
            scale = max(float(value.abs().max()), floor)
            worst = max(worst, float((step[key] - value).abs().max()) / scale)
    return worst


@every_network
def test_two_processes_have_the_gradients_of_one(processes, joined, name):
    for process in processes:
        assert difference(process[name, 'synchronised'], joined[name]) < 1e-5


@every_network
@pytest.mark.parametrize('wrong', ['own statistics', 'not averaged'])
def test_without_synchronising_they_differ(processes, joined, name, wrong):
    for process in processes:
        assert difference(process[name, wrong], joined[name]) > 1e-2


def test_unequal_numbers_of_labels_weigh_differently(processes):
    truth = one_process('fcn-8s', ignored=32)
    assert difference(processes[0]['fcn-8s', 'ignored'], truth) > 1e-2


def test_an_unused_parameter_would_be_refused(processes):
    assert 'find_unused_parameters' in processes[0]['fcn-8s', 'spare']
