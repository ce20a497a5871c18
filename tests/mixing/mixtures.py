"""Every head on every backbone: which networks there are, and what comes of each."""

import functools
import importlib.util
from dataclasses import dataclass, field

import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from tests.mixing.parts_to_mix import (
    BACKBONES,
    BN,
    HEADS,
    TABLES,
    Backbone,
    Head,
    Level,
)

CLASSES, SIZE, PROBE = 5, (49, 83), 128


@dataclass(frozen=True)
class Mixture:
    """A backbone under a head."""

    backbone: str
    head: str
    changes: dict = field(default_factory=dict, hash=False)  # of the head's arguments
    error: str = ''  # part of the error that it must end in

    def __str__(self) -> str:
        return f'{self.head} on {self.backbone}'


MIXTURES = [
    Mixture(backbone, head, error='one tensor' if backbone == 'PIDNet' else '')
    for backbones, heads in TABLES
    for backbone in backbones
    for head in heads
]
#: What people try.
MISTAKES = [
    Mixture('SPNetResNet', 'FCNSkipHead', dict(strides=[8, 8]), 'own strides'),
    Mixture('FCNAlexNet', 'FCNSkipHead', dict(in_channels=[4096]), 'do not fit'),
    Mixture('FCNVGG, pad=100', 'FCNPad100Head', dict(centre=13), 'centre=13'),
    Mixture('ResNet', 'DFAHead', dict(num_low=5), 'num_low=5'),
    Mixture('ResNet', 'EncHead', dict(in_index=3), 'must be a list'),
    Mixture('ResNet', 'StripPoolingHead', dict(in_index=4), 'do not fit'),
]


def missing_package(backbone: str) -> str:
    """Return the package that has to be installed for a backbone, or nothing."""
    kind = BACKBONES[backbone].type
    package = 'timm' if kind == 'TIMMBackbone' else kind.rpartition('.')[0] or 'mmseg'
    return '' if importlib.util.find_spec(package) else package


def config_of(part: Backbone | Head, slim: bool) -> dict:
    return {'type': part.type, **part.usual, **(part.slim if slim else {})}


def backbone_configs(backbone: Backbone, slim: bool) -> dict[str, dict]:
    """Return the configs of a backbone and of its neck, by their keys in a model."""
    config = config_of(backbone, slim)
    configs = dict(backbone=config)
    if backbone.frozen:
        configs['backbone'] = dict(type='mmseg_plugins.FrozenBackbone', backbone=config)
    if backbone.neck:
        width = config['embed_dims']
        configs['neck'] = dict(type=backbone.neck, embed_dim=width, norm_cfg=BN)
    return configs


@functools.cache
def levels_of(name: str, slim: bool) -> list[Level]:
    """Run a backbone; return index, channels and stride of each of its levels."""
    backbone = BACKBONES[name]
    net = nn.Sequential(*map(MODELS.build, backbone_configs(backbone, slim).values()))
    net.train()  # some of mmseg's return one tensor in evaluation
    with torch.no_grad():
        levels = net(torch.randn(2, 3, PROBE, PROBE))
    strides = backbone.strides or [PROBE // level.shape[2] for level in levels]
    channels = [level.shape[1] for level in levels]
    return list(zip(range(len(levels)), channels, strides, strict=True))


def build(mixture: Mixture, slim: bool) -> nn.Module:
    backbone, head = BACKBONES[mixture.backbone], HEADS[mixture.head]
    levels = levels_of(mixture.backbone, slim)
    chosen = head.choose(levels, levels[backbone.main])
    decode_head = {**config_of(head, slim), **chosen, **mixture.changes}
    return MODELS.build(
        ConfigDict(
            type='mmseg.EncoderDecoder',
            **backbone_configs(backbone, slim),
            decode_head=dict(decode_head, num_classes=CLASSES),
            test_cfg=dict(mode='whole'),
        )
    )


def costs(mixture: Mixture, size: tuple[int, int]) -> tuple[int, int]:
    """Count parameters and multiply-adds in usual widths."""
    net = build(mixture, slim=False).eval()
    counter = FlopCounterMode(display=False)
    with FakeTensorMode(allow_non_fake_inputs=True), counter:  # without arithmetic
        net.encode_decode(torch.zeros(1, 3, *size), [dict(img_shape=size)])
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops() // 2


def try_out(mixture: Mixture) -> str:
    """Build a slim network, train it one step, and predict; return the ValueError.

    Raises:
        RuntimeError: For a loss that is not finite, a parameter of ours without a
            gradient, or a prediction that does not have the size of the image.
    """
    torch.manual_seed(0)
    divisor = BACKBONES[mixture.backbone].divisor
    size = tuple(-(-side // divisor) * divisor for side in SIZE)
    labels = torch.randint(0, CLASSES, (2, 1, *size))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    try:
        net = build(mixture, slim=True)
        losses = net.train()(torch.randn(2, 3, *size), samples, mode='loss')
        loss, _ = net.parse_losses(losses)
        loss.backward()
        with torch.no_grad():
            (sample,) = net.eval()(torch.randn(1, 3, *size), mode='predict')
    except ValueError as error:
        return str(error)
    faults = [] if loss.isfinite() else [f'the loss is {loss.item()}']
    if sample.pred_sem_seg.shape != size:
        faults.append(f'the prediction has size {sample.pred_sem_seg.shape}')
    for part in (net.backbone, net.decode_head):
        if type(part).__module__.startswith('mmseg_plugins.'):
            for name, parameter in part.named_parameters():
                if not parameter.requires_grad:
                    continue
                if parameter.grad is None or not parameter.grad.isfinite().all():
                    faults.append(f'{name} has no finite gradient')
    if faults:
        raise RuntimeError(f'{mixture}: {", ".join(faults)}')
    return ''
