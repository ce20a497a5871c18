"""The cells of tools/mixing.py: which there are, and what comes of each."""

import functools
import importlib.util
from dataclasses import dataclass, field

import torch
from benchmarks.networks import count
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn
from torch._subclasses import FakeTensorMode

from .backbones import BACKBONES, OURS, Backbone
from .heads import HEADS, OUR_HEADS, STOCK_HEADS, Head, Level

CLASSES, SIZE, PROBE = 5, (49, 83), 128


@dataclass(frozen=True)
class Cell:
    """A backbone under a head.

    Attributes:
        changes: Arguments of the head that replace the fitting ones.
        declines: What the error says, where there has to be one.
    """

    backbone: str
    head: str
    changes: dict = field(default_factory=dict, hash=False)
    declines: str = ''

    def __str__(self) -> str:
        return f'{self.head} on {self.backbone}'


@dataclass
class Outcome:
    """How far a cell came; ``sentence`` is the error, or what has to be installed."""

    built: bool = False
    trained: bool = False
    predicted: bool = False
    sentence: str = ''


_NO_LIST = {'PIDNet': 'the backbone gives one tensor'}
CELLS = [
    Cell(backbone, head, declines=_NO_LIST.get(backbone, ''))
    for backbone in BACKBONES
    for head in OUR_HEADS
] + [Cell(backbone, head) for backbone in OURS for head in STOCK_HEADS]
#: What people try, and what the error answers.
MISTAKES = [
    Cell(
        'SPNetResNet',
        'FCNSkipHead',
        dict(in_index=[0, 1, 2, 3], in_channels=[4] * 4, strides=[4, 8, 8, 8]),
        'one level per stride',
    ),
    Cell(
        'BiSeNetV2',
        'FCNSkipHead',
        dict(in_index=[0, 1, 2], in_channels=[8, 4, 8], strides=[8, 4, 8]),
        'finest first',
    ),
    Cell(
        'FCNAlexNet',
        'FCNSkipHead',
        dict(
            in_index=[0, 1, 2],
            in_channels=[8, 8, 8],
            strides=[8, 16, 32],
            align='resize',
        ),
        'output 1 of the backbone has no channels',
    ),
    Cell('ConvNeXt', 'FCNSkipHead', dict(align='exact'), "align='resize'"),
    Cell('VGG', 'FCNSkipHead', dict(align='exact'), "align='resize'"),
    Cell('ResNet', 'DFAHead', dict(num_low=5), 'number of levels'),
    Cell('ResNet', 'EncHead', dict(in_index=3), 'a list with one entry per level'),
    Cell('ResNet', 'StripPoolingHead', dict(in_channels=2048), 'the backbone gives'),
    Cell('ResNet', 'StripPoolingHead', dict(in_index=4), 'the backbone gives'),
]


def what_is_missing(backbone: str) -> str:
    """Say what has to be installed for a backbone."""
    package = BACKBONES[backbone].package
    if importlib.util.find_spec(package):
        return ''
    return f'not tried here: needs {package}, as make test-mmpretrain installs it'


@functools.cache
def levels_of(name: str, slim: bool) -> list[Level]:
    """Ask a backbone for the index, channels and stride of each of its levels."""
    backbone = BACKBONES[name]
    net = MODELS.build(_config(backbone, slim))
    net.train()  # some of the host's return nothing
    with torch.no_grad():
        levels = net(torch.randn(2, 3, PROBE, PROBE))
    strides = backbone.strides or [PROBE // level.shape[2] for level in levels]
    channels = [level.shape[1] for level in levels]
    return list(zip(range(len(levels)), channels, strides, strict=True))


def build(cell: Cell, slim: bool) -> nn.Module:
    """Build the network of a cell from a config."""
    backbone, head = BACKBONES[cell.backbone], HEADS[cell.head]
    inputs = head.inputs(levels_of(cell.backbone, slim), backbone)
    decode_head = dict(_config(head, slim), num_classes=CLASSES, **inputs)
    return MODELS.build(
        ConfigDict(
            type='mmseg.EncoderDecoder',
            backbone=_config(backbone, slim),
            decode_head={**decode_head, **cell.changes},
            test_cfg=dict(mode='whole'),
        )
    )


def try_out(cell: Cell) -> Outcome:
    """Build a slim network, train it one step, and predict.

    Raises:
        RuntimeError: If it comes to an end without an error that it should end in: a
            loss that is not finite, a parameter of ours without a gradient, a
            prediction of another size than the image's.
    """
    outcome = Outcome(sentence=what_is_missing(cell.backbone))
    if outcome.sentence:
        return outcome
    torch.manual_seed(0)
    divisor = BACKBONES[cell.backbone].divisor
    size = tuple(-(-side // divisor) * divisor for side in SIZE)
    try:
        net = build(cell, slim=True)
        outcome.built = True
        _train(cell, net, size)
        outcome.trained = True
        _predict(cell, net, size)
        outcome.predicted = True
    except ValueError as error:
        outcome.sentence = str(error)
    return outcome


def costs(cell: Cell, size: tuple[int, int]) -> tuple[int, int]:
    """Count parameters and multiply-adds in usual widths."""
    net = build(cell, slim=False).eval()
    with FakeTensorMode(allow_non_fake_inputs=True):  # shapes alone: no arithmetic
        return count(net, size)


def _config(part: Backbone | Head, slim: bool) -> dict:
    return {**part.usual, **(part.slim if slim else {})}


def _train(cell: Cell, net: nn.Module, size: tuple[int, ...]) -> None:
    labels = torch.randint(0, CLASSES, (2, 1, *size))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=each)) for each in labels]
    losses = net.train()(torch.randn(2, 3, *size), samples, mode='loss')
    loss, _ = net.parse_losses(losses)
    loss.backward()
    if not loss.isfinite():
        raise RuntimeError(f'{cell}: the loss is {loss.item()}')
    ours = [
        part
        for part in (net.backbone, net.decode_head)
        if type(part).__module__.startswith('mmseg_plugins.')
    ]
    for part in ours:
        for name, parameter in part.named_parameters():
            if parameter.grad is None or not parameter.grad.isfinite().all():
                raise RuntimeError(f'{cell}: {name} has no finite gradient')


def _predict(cell: Cell, net: nn.Module, size: tuple[int, ...]) -> None:
    with torch.no_grad():
        (sample,) = net.eval()(torch.randn(1, 3, *size), mode='predict')
    if sample.pred_sem_seg.shape != size:
        raise RuntimeError(f'{cell}: predicts {sample.pred_sem_seg.shape}, not {size}')
