"""Two processes get the gradients of one process that sees both batches.

SyncBatchNorm of torch does not run on a CPU, so a copy of it computes the statistics
here. The tests show that nothing else in a network depends on how a batch is split.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import torch
from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, distributed, nn

import mmseg_plugins  # noqa: F401
from tests.contracts.cases import NETWORKS
from tests.distributed.two_processes import difference, run_in_two

SIZE = (64, 96)
PER_PROCESS = 2
NUM_CLASSES = 5
NAMES = ('fcn-8s', 'fcn-8s-pad100', 'encnet', 'dfanet', 'spnet')
Gradients = dict[str, Tensor]
pytestmark = [pytest.mark.slow, pytest.mark.one_line]


class SumOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return SumOverProcesses.apply(gradient)


class SyncBatchNormOnCPU(nn.modules.batchnorm._BatchNorm):
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
    for module in model.modules():
        if isinstance(module, nn.SyncBatchNorm):
            module.__class__ = SyncBatchNormOnCPU
    return model


def build(name: str, norm: str = 'SyncBN') -> nn.Module:
    """Build a small network in float64, the same each time, without dropout."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    cfg = deepcopy(NETWORKS[name])
    for part in cfg.values():
        part['norm_cfg'] = dict(type=norm)
    model = MODELS.build(dict(type='EncoderDecoder', **cfg)).double().train()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
    with torch.no_grad():  # weights that start at zero would stop gradients
        for weight in model.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    return model


def batches() -> Iterator[tuple[Tensor, list[SegDataSample]]]:
    """Yield two batches, each with the images of both processes."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(2):
        number = 2 * PER_PROCESS
        images = torch.randn(number, 3, *SIZE, dtype=torch.double, generator=generator)
        labels = torch.randint(NUM_CLASSES, (number, 1, *SIZE), generator=generator)
        yield images, [SegDataSample(gt_sem_seg=PixelData(data=x)) for x in labels]


def gradients(model: nn.Module, part: slice) -> list[Gradients]:
    """Return the gradients of two steps on the images of ``part``."""
    plain = model.module if isinstance(model, MMDistributedDataParallel) else model
    steps = []
    for images, samples in batches():
        loss, _ = plain.parse_losses(model(images[part], samples[part], mode='loss'))
        model.zero_grad()
        loss.backward()
        steps.append({k: v.grad for k, v in plain.named_parameters()})
    return steps


def wrap(model: nn.Module) -> nn.Module:
    options = dict(broadcast_buffers=False, find_unused_parameters=False)
    return MMDistributedDataParallel(model, **options)


def train_in_a_process(rank: int) -> dict[tuple[str, str], list[Gradients]]:
    """Return the gradients in one of the two processes, by network and kind of run."""
    part = slice(rank * PER_PROCESS, (rank + 1) * PER_PROCESS)
    results = {}
    for name in NAMES:
        results[name, 'synchronized'] = gradients(wrap(on_cpu(build(name))), part)
        results[name, 'own statistics'] = gradients(wrap(build(name, 'BN')), part)
        results[name, 'not averaged'] = gradients(on_cpu(build(name)), part)
    return results


@pytest.fixture(scope='module')
def processes(tmp_path_factory) -> list[dict]:
    return run_in_two(train_in_a_process, tmp_path_factory.mktemp('ddp'))


@pytest.mark.parametrize('name', NAMES)
def test_two_processes_have_the_gradients_of_one(processes, name):
    expected = gradients(revert_sync_batchnorm(build(name)), slice(None))
    for process in processes:
        largest = {
            run: max(map(difference, process[name, run], expected))
            for run in ('synchronized', 'own statistics', 'not averaged')
        }
        assert largest.pop('synchronized') < 1e-5
        assert min(largest.values()) > 1e-2  # controls
