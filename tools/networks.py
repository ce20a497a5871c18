"""Networks of configs and single layers, for several tools."""

import first_screen  # noqa: F401  first: it keeps the screen free of the host's notes

# isort: split
import importlib.util
from functools import partial
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.structures import PixelData
from mmseg.models.utils import Encoding as StockEncoding
from mmseg.registry import DATASETS, MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

import mmseg_plugins.safe_loading  # noqa: F401  no code of a checkpoint is run
from mmseg_plugins.confidence import find_temperature
from mmseg_plugins.data_preprocessor import MultiChannelDataPreProcessor
from mmseg_plugins.layers import Encoding, MixedPooling, StripPooling

LAYERS = {  # name: class, then its arguments, of which the first is the channels
    'layer:StripPooling': (StripPooling, 512),
    'layer:MixedPooling': (MixedPooling, 1024),
    'layer:Encoding': (Encoding, 512, 32),
    'layer:mmseg.Encoding': (StockEncoding, 512, 32),
}


def load_config(name: str) -> Config:
    """Read a config file, or ``package::folder/file.py`` of an installed package.

    Raises:
        ValueError: If there is no such file.
    """
    package, _, path = name.rpartition('::')
    file = Path(path)
    if package:
        spec = importlib.util.find_spec(package)
        root = Path(spec.origin).parent if spec else Path(package)
        file = root / '.mim/configs' / path  # where a wheel has its configs
    if file.is_file():
        return Config.fromfile(file)
    raise ValueError(
        f'{name}: no such config; give a file, or package::folder/file.py for a config '
        'of a package that was installed as a wheel, such as mmseg. Where a run folder '
        'can be given, correct its path'
    )


def build_segmentor(cfg: Config, auxiliary: bool = False) -> nn.Module:
    """Build the segmentor of a config with random weights; no weight file is read.

    ``auxiliary`` keeps the auxiliary heads, which inference does not use.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    segmentor = revert_sync_batchnorm(MODELS.build(cfg.model))
    if not auxiliary:
        segmentor.auxiliary_head = None
    return segmentor.eval()


def load_segmentor(config: str, checkpoint: str) -> nn.Module:
    """Build the segmentor of a config with the weights of a checkpoint, for inference.

    As in mmseg, its ``cfg`` is the config, and its ``dataset_meta`` has classes and
    palette. They come from the checkpoint, else from the config of the test dataset,
    else from its class. Classes without names get '0', '1', ... Its ``temperature`` is
    that of :func:`find_temperature`.

    Raises:
        ValueError: If there is no such config, the weights are of another model, or
            the checkpoint is damaged or not safe to load.
    """
    cfg = load_config(config)
    model = build_segmentor(cfg, auxiliary=True).requires_grad_(False)
    try:
        loaded = load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:200]
        raise ValueError(
            f'{checkpoint} does not fit {config}: give the config it was trained with '
            f'({reason} ...)'
        ) from error
    dataset = find_test_dataset(cfg)
    meta = (
        loaded.get('meta', {}).get('dataset_meta')
        or dataset.get('metainfo')
        or getattr(DATASETS.get(dataset.type), 'METAINFO', {})
    )
    model.dataset_meta = dict(meta)
    if not meta.get('classes'):
        model.dataset_meta['classes'] = [str(i) for i in range(model.num_classes)]
    num_labels = max(model.num_classes, 2)  # one class is label 1
    model.temperature = find_temperature(loaded.get('meta', {}), num_labels)
    model.cfg = cfg
    return model


def find_test_dataset(cfg: Config) -> Config:
    """Return the config of the test dataset, of several the first."""
    dataset = cfg.test_dataloader.dataset
    while 'datasets' in dataset or 'dataset' in dataset:  # ConcatDataset, RepeatDataset
        dataset = dataset.get('datasets', [dataset.get('dataset')])[0]
    return dataset


def count_channels(segmentor: nn.Module) -> int:
    """Return the number of channels of the images that a segmentor takes."""
    preprocessor = segmentor.data_preprocessor
    is_multi_channel = isinstance(preprocessor, MultiChannelDataPreProcessor)
    return len(preprocessor.mean) if is_multi_channel else 3


class Logits(nn.Module):
    """Inference: from images (N, 3, H, W) to logits (N, num_classes, H, W)."""

    def __init__(self, segmentor: nn.Module) -> None:
        super().__init__()
        self.segmentor = segmentor

    def forward(self, images: Tensor) -> Tensor:  # noqa: D102
        return self.segmentor.encode_decode(images, [dict(img_shape=images.shape[2:])])


class Loss(nn.Module):
    """Training: from images (N, 3, H, W) to the sum of the losses on random labels."""

    def __init__(self, segmentor: nn.Module, images: Tensor) -> None:
        super().__init__()
        self.segmentor = segmentor
        draw = partial(torch.randint, size=images[0, :1].shape, device=images.device)
        labels = PixelData(data=draw(segmentor.decode_head.num_classes))
        edges = PixelData(data=draw(2))  # for PIDNet
        sample = SegDataSample(gt_sem_seg=labels, gt_edge_map=edges)
        self.samples = [sample] * len(images)

    def forward(self, images: Tensor) -> Tensor:  # noqa: D102
        losses = self.segmentor.loss(images, self.samples)
        return self.segmentor.parse_losses(losses)[0]


def build_with_input(
    name: str,
    batch: int,
    size: tuple[int, int],
    train: bool,
    device: str,
    options: dict | None = None,
) -> tuple[nn.Module, Tensor]:
    """Build a config's network, or one of LAYERS, and a random input for it.

    It returns logits, in training the loss. ``size`` is the height and width of images;
    the map of a layer has an eighth of it. ``options`` are merged into the config, as
    with ``--cfg-options``. At inference batch norm has random weights and the
    statistics of such inputs: as built it changes nothing, and a wrong fusion would not
    show.
    """
    torch.manual_seed(0)
    if name in LAYERS:
        layer, channels, *arguments = LAYERS[name]
        net = layer(channels, *arguments).to(device)
        x = torch.randn(batch, channels, size[0] // 8, size[1] // 8, device=device)
        x.requires_grad_(train)
    else:
        cfg = load_config(name)
        cfg.merge_from_dict(options or {})
        segmentor = build_segmentor(cfg, auxiliary=train).to(device)
        x = torch.randn(batch, count_channels(segmentor), *size, device=device)
        net = Loss(segmentor, x) if train else Logits(segmentor)
    for module in net.train(train).modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and not train:
            nn.init.uniform_(module.weight, 0.05, 0.15)
            module.momentum = 1.0
            module.train()
        elif isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0  # its random numbers differ between modes
    if not train:
        with torch.no_grad():  # two images: batch norm refuses one of 1 x 1 pixels
            net(torch.randn(2, *x.shape[1:], device=device))
        net.eval()
    return net, x
