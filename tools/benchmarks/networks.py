"""The networks that tools/benchmark.py times: from a config to tensor functions."""

import importlib.util
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


class Logits(nn.Module):
    """The inference path: from an image to logits of its size."""

    def __init__(self, segmentor: nn.Module) -> None:
        super().__init__()
        self.segmentor = segmentor

    def forward(self, image: Tensor) -> Tensor:  # noqa: D102
        return self.segmentor.encode_decode(image, [dict(img_shape=image.shape[2:])])


class Loss(nn.Module):
    """The training path: from images to the sum of the losses on fixed labels."""

    def __init__(self, segmentor: nn.Module, image: Tensor) -> None:
        super().__init__()
        self.segmentor = segmentor
        size, device = (1, *image.shape[2:]), image.device
        classes = segmentor.decode_head.num_classes
        self.samples = [
            SegDataSample(
                gt_sem_seg=PixelData(data=torch.randint(classes, size, device=device)),
                gt_edge_map=PixelData(data=torch.randint(2, size, device=device)),
            )
            for _ in image
        ]

    def forward(self, image: Tensor) -> Tensor:  # noqa: D102
        losses = self.segmentor.loss(image, self.samples)
        return self.segmentor.parse_losses(losses)[0]


def find_config(name: str) -> Path:
    """Find a config file, or ``package::path`` in an installed package's configs.

    Raises:
        FileNotFoundError: If there is none.
    """
    package, _, path = name.rpartition('::')
    folders = [Path()]
    if package:
        spec = importlib.util.find_spec(package)
        roots = [Path(r) for r in (spec and spec.submodule_search_locations) or ()]
        # The wheel keeps its configs inside, a source checkout beside the package.
        folders = [f for r in roots for f in (r / '.mim/configs', r.parent / 'configs')]
    for folder in folders:
        if (folder / path).is_file():
            return folder / path
    raise FileNotFoundError(
        f'{name}: no such config; give a file, or package::folder/file.py for one '
        'that an installed package brings'
    )


def load_segmentor(name: str, size: tuple[int, int]) -> nn.Module:
    """Build a config's network with random weights, for inference.

    The host's initialisation is not run: no pre-trained file is read. Batch norm gets
    random weights and the statistics of noise of this size: in a fresh network it is
    the identity, and a wrong fusion would not show. The weights are small, since a deep
    random network magnifies its own rounding.
    """
    cfg = Config.fromfile(find_config(name))
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    torch.manual_seed(0)
    segmentor = revert_sync_batchnorm(MODELS.build(cfg.model)).eval()
    for module in segmentor.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.05, 0.15)
            nn.init.normal_(module.bias, std=0.1)
            module.momentum = 1.0
            module.train()
        elif isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0  # its random numbers differ between the modes
    with torch.no_grad():
        Logits(segmentor)(torch.randn(2, 3, *size))
    return segmentor.eval()


def count(segmentor: nn.Module, size: tuple[int, int]) -> tuple[int, int]:
    """Count the parameters and multiply-adds of the inference path for one image."""
    used: set[Tensor] = set()

    def note(module: nn.Module, _: tuple) -> None:
        used.update(module.parameters(recurse=False))

    like = next(segmentor.parameters())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        handle = nn.modules.module.register_module_forward_pre_hook(note)
        Logits(segmentor)(like.new_zeros(1, 3, *size))
        handle.remove()
    return sum(p.numel() for p in used), counter.get_total_flops() // 2
