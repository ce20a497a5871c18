"""The heads and networks that tools/benchmark_table.py compares."""

import copy
from collections.abc import Sequence

import torch
from benchmarks.clock import Step
from benchmarks.comparisons import AUTHORS, OURS, STOCK, Comparison, one_map, steps_of
from benchmarks.encoding import BATCH, CLASSES, HEAD
from benchmarks.networks import Logits, Loss, load_segmentor
from benchmarks.strip_pooling import MODULES
from mmengine.model import BaseModel
from mmseg.registry import MODELS
from torch import Tensor, nn

CITYSCAPES = 'cityscapes-512x1024.py'
NETWORKS = {  # name: (our config, the stock one)
    'FCN-8s, ResNet-50; stock: FCN, dilated ResNet-50': (
        f'mmseg_plugins::fcn/fcn-8s_r50_4xb2-80k_{CITYSCAPES}',
        f'mmseg::fcn/fcn_r50-d8_4xb2-80k_{CITYSCAPES}',
    ),
    'EncNet, dilated ResNet-50; stock: the same': (
        'mmseg_plugins::encnet/encnet_r50-d8_4xb4-40k_cityscapes-768x768.py',
        f'mmseg::encnet/encnet_r50-d8_4xb2-80k_{CITYSCAPES}',
    ),
    'SPNet, dilated ResNet-50; stock: PSPNet': (
        'mmseg_plugins::spnet/spnet_r50-d8_4xb2-80k_cityscapes-769x769.py',
        f'mmseg::pspnet/pspnet_r50-d8_4xb2-80k_{CITYSCAPES}',
    ),
    'DFANet-A; stock: Fast-SCNN': (
        f'mmseg_plugins::dfanet/dfanet_xception-a_4xb12-60k_{CITYSCAPES}',
        f'mmseg::fastscnn/fast_scnn_8xb4-160k_{CITYSCAPES}',
    ),
}

HEADS = {  # name: (what its config needs, channels and stride of each level)
    'StripPoolingHead': (dict(in_channels=2048, in_index=0), [(2048, 8)]),
    'FCNSkipHead, 8s': (
        dict(in_channels=[512, 1024, 2048], in_index=[0, 1, 2]),
        [(512, 8), (1024, 16), (2048, 32)],
    ),
    'DFAHead': (
        dict(in_channels=[48] * 3 + [192] * 3, in_index=[*range(6)]),
        [(48, 4), (48, 8), (48, 16), (192, 16), (192, 32), (192, 64)],
    ),
}


class HeadAlone(BaseModel):
    """A head in a segmentor's place: the levels are its image."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.decode_head = head

    def forward(self, levels: list[Tensor]) -> Tensor:  # noqa: D102
        return self.decode_head(levels)

    def loss(self, levels: list[Tensor], samples: list) -> dict:
        """Compute the head's losses."""
        return self.decode_head.loss(levels, samples, None)


def add_authors_form(nets: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """Add a copy of ours with the authors' strip pooling, if it has any."""
    ours = tuple(cls for _, _, cls in MODULES.values())
    if any(isinstance(module, ours) for module in nets[OURS].modules()):
        nets = {**nets, AUTHORS: in_authors_form(nets[OURS])}
    return nets


def in_authors_form(module: nn.Module) -> nn.Module:
    """Copy a module, with the authors' form of strip pooling in it."""
    module = copy.deepcopy(module)
    for parent in [*module.modules()]:
        for name, child in parent.named_children():
            for _, authors, ours in MODULES.values():
                if isinstance(child, ours):
                    convs = [m for m in child.modules() if isinstance(m, nn.Conv2d)]
                    setattr(parent, name, authors(convs[-1].out_channels))
    return module


def _head(
    name: str,
    cfgs: dict[str, dict],
    levels: Sequence[tuple[int, int]],
    side: int,
    device: str,
    floor: bool = True,
) -> Comparison:
    """Compare heads: training up to the losses, inference to their own logits.

    The levels are channels and strides.
    """

    def make_input(train: bool) -> list[Tensor]:
        shapes = [(BATCH, c, side // stride, side // stride) for c, stride in levels]
        return [one_map(device, *shape)(train) for shape in shapes]

    def make_steps(x: list[Tensor], train: bool) -> dict[str, Step]:
        alone = {v: HeadAlone(MODELS.build(cfg)) for v, cfg in cfgs.items()}
        alone = add_authors_form(alone)
        if train:
            image = torch.empty(BATCH, 3, side, side, device=device)
            alone = {v: Loss(head, image) for v, head in alone.items()}
        return steps_of({v: m.to(device) for v, m in alone.items()}, x, train, floor)

    return Comparison(name, make_input, make_steps)


def enc_head(
    side: int, classes: int, device: str, width: int = 2048, floor: bool = True
) -> Comparison:
    """Compare EncHead with the host's, on maps of an eighth of the image."""
    widths = [width // 4, width // 2, width]
    cfg = dict(HEAD, in_channels=widths, num_classes=classes)
    scopes = {OURS: 'mmseg_plugins', STOCK: 'mmseg'}
    cfgs = {v: dict(cfg, type=f'{scope}.EncHead') for v, scope in scopes.items()}
    levels = [(w, 8) for w in widths]
    return _head(f'EncHead, {classes} classes', cfgs, levels, side, device, floor)


def heads(side: int, device: str) -> list[Comparison]:
    """List the heads' comparisons, on levels of a square image of this side."""
    compared = [enc_head(side, CLASSES, device)]
    for name, (cfg, levels) in HEADS.items():
        kind = name.split(',')[0]
        how = dict(norm_cfg=HEAD['norm_cfg'], loss_decode=HEAD['loss_decode'])
        cfg = dict(how, type=f'mmseg_plugins.{kind}', num_classes=CLASSES, **cfg)
        cfgs = {OURS: cfg}
        if kind == 'FCNSkipHead':
            cfgs[AUTHORS] = dict(cfg, upsample='deconv')
        title = f'{name}, {CLASSES} classes'
        compared.append(_head(title, cfgs, levels, side, device))
    return compared


def network(
    name: str,
    configs: Sequence[str],
    side: int,
    device: str,
    batch: int = BATCH,
    floor: bool = True,
) -> Comparison:
    """Compare ours with stock: training up to the losses, inference to full logits."""

    def make_steps(x: Tensor, train: bool) -> dict[str, Step]:
        pair = zip((OURS, STOCK), configs, strict=True)
        size = (min(side, 256),) * 2  # of the noise that sets the statistics
        nets = {v: load_segmentor(config, size) for v, config in pair}
        nets = add_authors_form(nets)
        nets = {v: Loss(net, x) if train else Logits(net) for v, net in nets.items()}
        return steps_of({v: net.to(device) for v, net in nets.items()}, x, train, floor)

    make_images = one_map(device, batch, 3, side, side)
    return Comparison(name, lambda _: make_images(False), make_steps)
